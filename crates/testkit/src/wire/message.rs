//! The client's messages as bytes (PostgreSQL documentation, "Message Formats"). Nothing is checked: tests also build wrong ones.

/// A message: `tag`, length, `body`. The length counts itself.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = u32::try_from(body.len() + 4).expect("test messages are below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// A packet without a tag: start-up, cancel request, TLS request.
fn packet(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("test messages are below 4 GiB");
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

fn text(value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

/// `StartupMessage` of protocol 3.0 with these parameters, `user` among them.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for (name, value) in parameters {
        text(name, &mut body);
        text(value, &mut body);
    }
    body.push(0);
    packet(&body)
}

/// `CancelRequest` with the session's `BackendKeyData`.
pub fn cancel(pid: i32, secret: &[u8]) -> Vec<u8> {
    let mut body = 80_877_102_u32.to_be_bytes().to_vec();
    body.extend_from_slice(&pid.to_be_bytes());
    body.extend_from_slice(secret);
    packet(&body)
}

/// `SSLRequest`.
pub fn ssl_request() -> Vec<u8> {
    packet(&80_877_103_u32.to_be_bytes())
}

/// `SASLInitialResponse`.
pub fn sasl_initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(mechanism, &mut body);
    body.extend_from_slice(&u32::try_from(data.len()).expect("SCRAM messages are short").to_be_bytes());
    body.extend_from_slice(data);
    message(b'p', &body)
}

/// `Query`.
pub fn query(sql: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(sql.len() + 1);
    text(sql, &mut body);
    message(b'Q', &body)
}

/// `Parse` of a named (or, with "", unnamed) statement with declared parameter types; OID 0 leaves one to the server.
pub fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = Vec::with_capacity(sql.len() + 16);
    text(name, &mut body);
    text(sql, &mut body);
    body.extend_from_slice(&count(types.len()));
    for oid in types {
        body.extend_from_slice(&oid.to_be_bytes());
    }
    message(b'P', &body)
}

/// `Bind`: parameter formats and values (`None` is NULL) and result formats (0 text, 1 binary; none = all text, one = for all).
pub fn bind(portal: &str, statement: &str, formats: &[i16], values: &[Option<&[u8]>], results: &[i16]) -> Vec<u8> {
    let mut body = Vec::new();
    text(portal, &mut body);
    text(statement, &mut body);
    body.extend_from_slice(&count(formats.len()));
    for format in formats {
        body.extend_from_slice(&format.to_be_bytes());
    }
    body.extend_from_slice(&count(values.len()));
    for value in values {
        match value {
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend_from_slice(&u32::try_from(value.len()).expect("test values are below 4 GiB").to_be_bytes());
                body.extend_from_slice(value);
            }
        }
    }
    body.extend_from_slice(&count(results.len()));
    for format in results {
        body.extend_from_slice(&format.to_be_bytes());
    }
    message(b'B', &body)
}

/// `Describe` of a statement (`S`) or portal (`P`).
pub fn describe(kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    text(name, &mut body);
    message(b'D', &body)
}

/// `Close` of a statement (`S`) or portal (`P`).
pub fn close(kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    text(name, &mut body);
    message(b'C', &body)
}

/// `Execute` of a portal; `max_rows` 0 means all.
pub fn execute(portal: &str, max_rows: i32) -> Vec<u8> {
    let mut body = Vec::new();
    text(portal, &mut body);
    body.extend_from_slice(&max_rows.to_be_bytes());
    message(b'E', &body)
}

/// `Sync`.
pub fn sync() -> Vec<u8> {
    message(b'S', &[])
}

/// `Flush`.
pub fn flush() -> Vec<u8> {
    message(b'H', &[])
}

/// `Terminate`.
pub fn terminate() -> Vec<u8> {
    message(b'X', &[])
}

/// `CopyData`.
pub fn copy_data(data: &[u8]) -> Vec<u8> {
    message(b'd', data)
}

/// `CopyDone`.
pub fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}

/// `CopyFail`.
pub fn copy_fail(reason: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(reason, &mut body);
    message(b'f', &body)
}

fn count(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("the protocol counts in 16 bits").to_be_bytes()
}
