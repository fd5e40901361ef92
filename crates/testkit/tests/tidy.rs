//! Checks the shape of the source tree: who may use whom, where files lie and how they open, that documents and tests keep up with the code.
//!
//! It reads text and `cargo metadata`; it compiles and runs nothing. Run it with `cargo tidy`, which also prints the longest files and functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use kura_testkit::workspace;
use serde_json::Value;

/// The crates, lowest first, and which of ours each may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("pgtypes", &[]),
    ("catalog", &["pgtypes"]),
    ("functions", &["pgtypes"]),
    ("storage", &["pgtypes", "catalog"]),
    ("sql", &["pgtypes", "catalog", "storage", "functions"]),
    ("engine", &["pgtypes", "catalog", "storage", "functions", "sql"]),
    ("session", &["pgtypes", "catalog", "sql", "engine"]),
    ("server", &["pgtypes", "catalog", "storage", "functions", "sql", "engine", "session"]),
    ("testkit", &["server"]),
];

/// Members of the workspace that are no part of the product and may use what they like.
const OUTSIDE: &[&str] = &["benches"];

/// Crates from outside that only these of ours may name.
const FENCES: &[(&str, &[&str])] = &[
    ("datafusion", &["storage", "functions", "sql", "engine"]),
    ("sqlx", &["catalog"]),
    ("object_store", &["storage"]),
    ("parquet", &["storage"]),
    ("sqlparser", &["sql"]),
    ("pgwire", &["server"]),
    ("tonic", &["server"]),
    ("arrow_flight", &["server"]),
    ("axum", &["server"]),
    ("rustls", &["server"]),
    ("tokio_rustls", &["server"]),
    ("sqllogictest", &["testkit"]),
    ("postgres_protocol", &["testkit"]),
];

/// Crates of which the tree has one version, because their values pass between crates or they link C code.
const SINGLE: &[&str] = &["datafusion", "arrow", "arrow-array", "parquet", "object_store", "libsqlite3-sys", "sqlparser"];

/// Names that say nothing about what a module holds.
const BANNED_NAMES: &[&str] = &["common", "util", "utils", "helper", "helpers", "misc", "shared", "types"];

/// SQLSTATEs no test can bring about, each with the reason.
const UNTESTED_SQLSTATES: &str = include_str!("untested-sqlstates.txt");

/// A source file: its crate (`sql`, `server`, ...), path from the root, and text.
struct Source {
    package: String,
    path: PathBuf,
    text: String,
}

impl Source {
    /// Whether it only exists in tests.
    fn is_test(&self) -> bool {
        self.package == "testkit"
            || self.path.components().any(|part| part.as_os_str() == "tests")
            || self.path.file_name().is_some_and(|name| name == "tests.rs")
    }
}

fn sources() -> Result<Vec<Source>> {
    let root = workspace::root();
    let mut sources = Vec::new();
    for path in workspace::files(&root.join("crates"), "rs")? {
        let text = std::fs::read_to_string(&path)?;
        let path = path.strip_prefix(&root)?.to_path_buf();
        let package = path.iter().nth(1).context("a file lies in crates/<name>")?;
        sources.push(Source { package: package.to_string_lossy().into_owned(), path, text });
    }
    Ok(sources)
}

/// Every member of the workspace with the names of its dependencies, from `cargo metadata`.
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace::root())
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| {
            let names = package["dependencies"].as_array().into_iter().flatten();
            (text(&package["name"]), names.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect())
}

fn report(what: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{what}:\n  {}", problems.join("\n  "));
}

#[test]
fn crates_use_only_what_the_table_allows() -> Result<()> {
    let mut problems = Vec::new();
    let architecture = std::fs::read_to_string(workspace::root().join("docs/ARCHITECTURE.md"))?;
    let dependencies = dependencies()?;
    for (package, found) in &dependencies {
        let Some(name) = package.strip_prefix("kura-").filter(|name| !OUTSIDE.contains(name)) else {
            continue;
        };
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| known == &name) else {
            problems.push(format!("{package} is not in the table of this test"));
            continue;
        };
        let ours: BTreeSet<&str> = found.iter().filter_map(|name| name.strip_prefix("kura-")).collect();
        for used in &ours {
            if !allowed.contains(used) {
                problems.push(format!("{name} uses {used}"));
            }
        }
        // | `name` | what it does | `used`, `used` | ... |
        let row = architecture.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let Some(cell) = row.and_then(|row| row.split('|').nth(3)) else {
            problems.push(format!("docs/ARCHITECTURE.md has no row for {name}"));
            continue;
        };
        let documented: BTreeSet<&str> = cell.split('`').skip(1).step_by(2).collect();
        if documented != ours {
            problems.push(format!("docs/ARCHITECTURE.md says {name} uses {documented:?}, Cargo.toml says {ours:?}"));
        }
    }
    for (name, _) in MAY_USE {
        if !dependencies.contains_key(&format!("kura-{name}")) {
            problems.push(format!("{name} is in the table but not in the workspace"));
        }
    }
    report("crates that use what they may not", &problems);
    Ok(())
}

#[test]
fn outside_crates_stay_behind_their_fences() -> Result<()> {
    let mut problems = Vec::new();
    let sources = sources()?;
    for (package, found) in dependencies()? {
        let name = package.strip_prefix("kura-").unwrap_or(&package);
        for (outside, owners) in FENCES {
            let declared = found.iter().any(|found| {
                let found = found.replace('-', "_");
                found == *outside || (*outside == "datafusion" && found.starts_with("datafusion_"))
            });
            if declared && !owners.contains(&name) && !OUTSIDE.contains(&name) {
                problems.push(format!("crates/{name}/Cargo.toml names {outside}, which belongs to {owners:?}"));
            }
        }
    }
    // A crate that may use DataFusion could still reach another through its re-exports.
    for source in &sources {
        for (outside, owners) in FENCES {
            let reached = format!("{outside}::");
            for (number, line) in code_lines(&source.text) {
                if !owners.contains(&source.package.as_str()) && names(line, &reached) {
                    problems.push(format!("{}:{number} names {outside}: {}", source.path.display(), line.trim()));
                }
            }
        }
    }
    report("outside crates named beyond their fence", &problems);
    Ok(())
}

/// The lines that are not comments, numbered from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `line` has `path` as a whole first word, as in `parquet::` but not in `my_parquet::` or `crate::parquet::`.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = &line[..at];
        let own = ["crate::", "super::", "self::"].iter().any(|prefix| before.ends_with(prefix));
        !own && !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '"')
    })
}

#[test]
fn the_server_constructs_the_others_in_one_place() -> Result<()> {
    let mut problems = Vec::new();
    for source in sources()?.iter().filter(|source| source.package == "server" && !source.is_test()) {
        if source.path.ends_with("src/start.rs") || source.path.starts_with("crates/server/src/start") {
            continue;
        }
        for (number, line) in code_lines(&source.text) {
            for inner in ["kura_storage", "kura_sql", "kura_functions"] {
                if line.contains(inner) {
                    problems.push(format!("{}:{number} names {inner}", source.path.display()));
                }
            }
        }
    }
    report("the server names inner crates outside start.rs", &problems);
    Ok(())
}

#[test]
fn names_say_something_and_files_open_with_their_job() -> Result<()> {
    let mut problems = Vec::new();
    for source in sources()? {
        for part in &source.path {
            let name = part.to_string_lossy();
            let name = name.strip_suffix(".rs").unwrap_or(&name);
            if BANNED_NAMES.contains(&name) {
                problems.push(format!("{}: {name} says nothing about what is in it", source.path.display()));
            }
        }
        if !source.text.starts_with("//! ") {
            problems.push(format!("{} does not open with //! and its one job", source.path.display()));
        }
    }
    report("files", &problems);
    Ok(())
}

#[test]
fn dependencies_are_used_and_single() -> Result<()> {
    let mut problems = Vec::new();
    let sources = sources()?;
    for (package, found) in dependencies()? {
        let name = package.strip_prefix("kura-").unwrap_or(&package);
        if OUTSIDE.contains(&name) {
            continue;
        }
        for dependency in found {
            // md-5 is imported as md5.
            let imports = [dependency.replace('-', "_"), dependency.replace('-', "")];
            let used = |source: &Source| source.package == name && imports.iter().any(|import| source.text.contains(import));
            if !sources.iter().any(used) {
                problems.push(format!("crates/{name} does not use {dependency}"));
            }
        }
    }
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock"))?;
    for single in SINGLE {
        let versions = lock.lines().filter(|line| *line == format!("name = \"{single}\"")).count();
        if versions > 1 {
            problems.push(format!("Cargo.lock has {versions} versions of {single}"));
        }
    }
    report("dependencies", &problems);
    Ok(())
}

#[test]
fn every_sqlstate_in_use_is_tested() -> Result<()> {
    let sources = sources()?;
    let codes = sqlstate_codes(&sources);
    assert!(!codes.is_empty(), "no SQLSTATE constants found");

    let mut tests = String::new();
    for path in workspace::files(&workspace::root().join("sql-tests"), "slt")? {
        tests.push_str(&std::fs::read_to_string(path)?);
    }
    for path in workspace::files(&workspace::root().join("sql-tests"), "sched")? {
        tests.push_str(&std::fs::read_to_string(path)?);
    }
    let mut used = BTreeSet::new();
    for source in &sources {
        if source.is_test() {
            tests.push_str(&source.text);
            continue;
        }
        let (code, unit_tests) = source.text.split_once("#[cfg(test)]").unwrap_or((&source.text, ""));
        tests.push_str(unit_tests);
        if !source.path.ends_with("pgtypes/src/sqlstate.rs") {
            used.extend(words_after(code, "SqlState::"));
        }
    }
    let tested_names: BTreeSet<&str> = words_after(&tests, "SqlState::").collect();

    let mut problems = Vec::new();
    let excused: BTreeMap<&str, &str> =
        UNTESTED_SQLSTATES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
    for (name, code) in &codes {
        let tested = tested_names.contains(name.as_str())
            || tests.contains(&format!("({code})"))
            || tests.contains(&format!("ERROR {code}"))
            || tests.contains(&format!("\"{code}\""))
            || tests.contains(&format!("\"{code} "));
        let excuse = excused.contains_key(code.as_str());
        if used.contains(name.as_str()) && !tested && !excuse {
            problems.push(format!("{code} ({name}) is in use, but no .slt file and no test expects it"));
        }
        if excuse && tested {
            problems.push(format!("{code} ({name}) is tested: strike it from untested-sqlstates.txt"));
        }
    }
    report("SQLSTATEs", &problems);
    Ok(())
}

/// Name and code of every constant in `pgtypes/src/sqlstate.rs`.
fn sqlstate_codes(sources: &[Source]) -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.ends_with("pgtypes/src/sqlstate.rs")) {
        for line in source.text.lines() {
            let Some((name, value)) = line.trim().strip_prefix("pub const ").and_then(|rest| rest.split_once(':')) else {
                continue;
            };
            if let Some(code) = value.split('"').nth(1).filter(|code| code.len() == 5) {
                codes.insert(name.to_owned(), code.to_owned());
            }
        }
    }
    codes
}

fn words_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).map(move |(at, _)| {
        let rest = &text[at + prefix.len()..];
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn documents_name_every_crate() -> Result<()> {
    let root = workspace::root();
    let architecture = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md"))?;
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name();
        if !architecture.contains(&format!("`{}`", name.to_string_lossy())) {
            problems.push(format!("docs/ARCHITECTURE.md does not name {}", name.display()));
        }
    }
    for document in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/LIFE_OF_A_QUERY.md",
        "docs/STYLE.md",
        "docs/CHANGELOG.md",
        "docs/decisions/0001-own-binder.md",
    ] {
        broken_links(&root, Path::new(document), &mut problems)?;
    }
    report("documents", &problems);
    Ok(())
}

/// Links to files that do not exist.
fn broken_links(root: &Path, document: &Path, problems: &mut Vec<String>) -> Result<()> {
    let text = std::fs::read_to_string(root.join(document)).with_context(|| document.display().to_string())?;
    for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        let path = target.0.split('#').next().unwrap_or_default();
        if path.is_empty() || path.contains("://") {
            continue;
        }
        let folder = root.join(document);
        let folder = folder.parent().context("documents lie in a folder")?;
        if !folder.join(path).exists() {
            problems.push(format!("{} links to {path}, which does not exist", document.display()));
        }
    }
    Ok(())
}

/// Prints the longest files and functions; size is a habit, not a rule.
#[test]
fn sizes() -> Result<()> {
    let sources = sources()?;
    let mut files: Vec<(usize, String)> = Vec::new();
    let mut functions: Vec<(usize, String)> = Vec::new();
    for source in &sources {
        let lines: Vec<&str> = source.text.lines().collect();
        files.push((lines.len(), source.path.display().to_string()));
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            // Formatted code closes a function at its own indentation.
            let indentation = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..].iter().position(|line| *line == format!("{indentation}}}"));
            if let Some(length) = end.filter(|_| !line.trim_end().ends_with(';')) {
                functions.push((length + 1, format!("{}:{} {name}", source.path.display(), start + 1)));
            }
        }
    }
    let total: usize = files.iter().map(|(lines, _)| lines).sum();
    println!("{} files, {total} lines", files.len());
    for (what, list) in [("files", &mut files), ("functions", &mut functions)] {
        list.sort_by_key(|(lines, _)| std::cmp::Reverse(*lines));
        println!("the ten longest {what}");
        for (lines, name) in list.iter().take(10) {
            println!("{lines:6} {name}");
        }
    }
    Ok(())
}

/// The name of the function that starts on this line.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    while let Some((word, after)) = rest.split_once(' ') {
        match word {
            "fn" => return after.split(['(', '<']).next(),
            "async" | "const" | "extern" => rest = after,
            word if word.starts_with("pub") => rest = after,
            _ => return None,
        }
    }
    None
}
