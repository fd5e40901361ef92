//! The exchange against a client written here from the RFC.

use super::*;

fn role(password: Option<&str>) -> Arc<Role> {
    Arc::new(Role { oid: 10, name: "ana".to_owned(), superuser: false, login: true, verifier: password.map(super::super::verifier) })
}

/// Plays the client: returns what the server answers to the last message.
fn log_in(exchange: &mut Exchange, password: &str) -> Result<Vec<u8>, SqlError> {
    let bare = "n=,r=clientnonce";
    let server = String::from_utf8(exchange.first(MECHANISM, format!("n,,{bare}").as_bytes())?).expect("text");
    let field = |prefix: &str| server.split(',').find_map(|field| field.strip_prefix(prefix)).expect("a field").to_owned();
    let salt = BASE64.decode(field("s=")).expect("base64");
    let iterations = field("i=").parse().expect("a number");
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password.as_bytes(), &mut salted);
    let client_key = sign(&salted, b"Client Key");
    let without_proof = format!("c=biws,r={}", field("r="));
    let auth_message = format!("{bare},{server},{without_proof}");
    let signature = sign(&hash(&client_key), auth_message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    exchange.last(format!("{without_proof},p={}", BASE64.encode(proof)).as_bytes()).map(|(answer, _)| answer)
}

#[test]
fn right_and_wrong_passwords() {
    let secret = ServerSecret::random();
    let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, None);
    assert!(log_in(&mut exchange, "secret").expect("logged in").starts_with(b"v="));
    let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, None);
    let error = log_in(&mut exchange, "guess").expect_err("refused");
    assert_eq!((error.state.code(), error.message.as_str()), ("28P01", "password authentication failed for user \"ana\""));
}

#[test]
fn unknown_users_look_like_known_ones() {
    let secret = ServerSecret::new([7; 32]);
    let salt = |exchange: &mut Exchange| {
        let answer = exchange.first(MECHANISM, b"n,,n=,r=x").expect("an answer");
        String::from_utf8(answer).expect("text").split(',').nth(1).expect("a salt").to_owned()
    };
    let mut one = Exchange::new("nobody", None, &secret, None);
    let mut two = Exchange::new("nobody", None, &secret, None);
    assert_eq!(salt(&mut one), salt(&mut two), "the salt of a name stays");
    let mut exchange = Exchange::new("nobody", None, &secret, None);
    assert_eq!(log_in(&mut exchange, "").expect_err("refused").state.code(), "28P01");
    let mut exchange = Exchange::new("ana", Some(role(None)), &secret, None);
    assert_eq!(log_in(&mut exchange, "").expect_err("a role without a password").state.code(), "28P01");
}

#[test]
fn malformed_messages_are_refused() {
    let secret = ServerSecret::random();
    for message in [
        &b""[..],
        b"n",
        b"n,,",
        b"n,,n=",
        b"n,,n=,r=",
        b"n,,r=x,n=",
        b"x,,n=,r=x",
        b"p=tls-unique,,n=,r=x",
        b"n,a=root,n=,r=x",
        b"\xff,,n=,r=x",
    ] {
        let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, None);
        assert!(exchange.first(MECHANISM, message).is_err(), "{message:?}");
    }
    for message in [&b""[..], b"c=biws", b"c=biws,r=x,p=", b"c=biws,r=x,p=AAAA"] {
        let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, None);
        exchange.first(MECHANISM, b"n,,n=,r=x").expect("an answer");
        assert!(exchange.last(message).is_err(), "{message:?}");
    }
    let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, None);
    assert!(exchange.last(b"c=biws,r=x,p=AAAA").is_err(), "out of order");
}

#[test]
fn binding_cannot_be_downgraded() {
    let secret = ServerSecret::random();
    let mut exchange = Exchange::new("ana", Some(role(Some("secret"))), &secret, Some(vec![1; 32]));
    assert_eq!(exchange.mechanisms(), [MECHANISM_PLUS, MECHANISM]);
    assert_eq!(exchange.first(MECHANISM, b"y,,n=,r=x").expect_err("a downgrade").state.code(), "28000");
    assert!(exchange.first(MECHANISM_PLUS, b"p=tls-server-end-point,,n=,r=x").is_ok());
}

#[test]
fn verifier_text_round_trips() {
    let verifier = Verifier::of_password("pässwörd");
    assert_eq!(Verifier::parse(&verifier.to_string()), Some(verifier.clone()));
    assert!(verifier.accepts("pässwörd") && !verifier.accepts("passwort"));
    assert_eq!(Verifier::parse("md5abc"), None);
}
