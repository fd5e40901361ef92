//! Roles.

use kura_catalog::{BOOTSTRAP_ROLE_OID, Error, Role};

use crate::lake::Lake;

fn role(oid: u32, name: &str) -> Role {
    Role { oid, name: name.to_owned(), superuser: true, login: true, verifier: Some("secret".to_owned()) }
}

#[tokio::test]
async fn roles_are_created_found_and_changed() {
    let lake = Lake::new().await;
    assert!(lake.catalog.role("kura").await.unwrap().is_none());
    lake.catalog.create_role(role(BOOTSTRAP_ROLE_OID, "kura")).await.unwrap();
    let other = lake.catalog.create_role(Role { superuser: false, ..role(0, "ann") }).await.unwrap();
    assert!(other.oid >= 16384);
    assert!(matches!(lake.catalog.create_role(role(0, "kura")).await, Err(Error::RoleExists { .. })));
    lake.catalog.set_verifier("kura", None).await.unwrap();
    assert!(matches!(lake.catalog.set_verifier("bob", None).await, Err(Error::RoleNotFound { .. })));
    let found = lake.reopen().await.role("kura").await.unwrap().expect("the role");
    assert_eq!((found.oid, found.verifier.as_deref(), found.superuser), (BOOTSTRAP_ROLE_OID, None, true));
    let snapshot = lake.snapshot().await;
    let names: Vec<_> = snapshot.roles().iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["kura", "ann"]);
    assert_eq!(snapshot.role_by_oid(other.oid).unwrap().name, "ann");
    assert!(!format!("{:?}", role(1, "x")).contains("secret"));
}
