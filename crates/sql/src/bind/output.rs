//! Names: what PostgreSQL calls a column without an alias (its `FigureColname`), and what statements are called.

use datafusion::sql::sqlparser::ast::{self, Expr, Statement};

use super::scope::folded;
use crate::{Error, Result};

/// The name of an unaliased select item.
pub(crate) fn name_of(expr: &Expr) -> String {
    figure(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// The name and its strength: a type's name (1) gives way to a better one.
fn figure(expr: &Expr) -> Option<(String, u8)> {
    match expr {
        Expr::Identifier(name) => Some((folded(name), 2)),
        Expr::CompoundIdentifier(parts) => parts.last().map(|p| (folded(p), 2)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figure(inner),
        Expr::Cast { expr: inner, data_type, .. } => match figure(inner) {
            Some(strong @ (_, 2)) => Some(strong),
            weak => super::type_name::resolve(data_type).ok().map(|ty| (type_alias(ty), 1)).or(weak),
        },
        Expr::TypedString(typed) => super::type_name::resolve(&typed.data_type).ok().map(|ty| (type_alias(ty), 1)),
        Expr::Interval(_) => Some(("interval".to_owned(), 1)),
        Expr::Function(function) => function.name.0.last().and_then(|p| p.as_ident()).map(|i| (folded(i), 2)),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(figure) {
            Some(strong @ (_, 2)) => Some(strong),
            _ => Some(("case".to_owned(), 1)),
        },
        Expr::Exists { .. } => Some(("exists".to_owned(), 2)),
        Expr::Array(_) => Some(("array".to_owned(), 2)),
        Expr::Extract { .. } => Some(("extract".to_owned(), 2)),
        Expr::Position { .. } => Some(("position".to_owned(), 2)),
        Expr::Substring { .. } => Some(("substring".to_owned(), 2)),
        Expr::Overlay { .. } => Some(("overlay".to_owned(), 2)),
        Expr::Trim { trim_where, .. } => Some((
            match trim_where {
                Some(ast::TrimWhereField::Leading) => "ltrim",
                Some(ast::TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            }
            .to_owned(),
            2,
        )),
        Expr::Ceil { .. } => Some(("ceil".to_owned(), 2)),
        Expr::Floor { .. } => Some(("floor".to_owned(), 2)),
        Expr::AtTimeZone { .. } => Some(("timezone".to_owned(), 2)),
        Expr::Tuple(_) => Some(("row".to_owned(), 2)),
        Expr::Subquery(query) => subquery_name(query).map(|n| (n, 2)),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let dotted = access_chain.iter().rev().find_map(|access| match access {
                ast::AccessExpr::Dot(Expr::Identifier(name)) => Some(folded(name)),
                _ => None,
            });
            dotted.map(|n| (n, 2)).or_else(|| figure(root))
        }
        _ => None,
    }
}

/// A scalar subquery is named for its one column.
fn subquery_name(query: &ast::Query) -> Option<String> {
    match &*query.body {
        ast::SetExpr::Select(select) => match select.projection.first()? {
            ast::SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            ast::SelectItem::UnnamedExpr(expr) => figure(expr).map(|(name, _)| name),
            _ => None,
        },
        _ => None,
    }
}

/// The internal name of a type, as a cast names its column.
fn type_alias(ty: kura_pgtypes::PgType) -> String {
    ty.element().unwrap_or(ty).name()
}

/// The first words of a text, for an error.
pub(crate) fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// What a statement is called in an error: its leading keywords.
pub(crate) fn statement_name(statement: &Statement) -> String {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take_while(|w| w.chars().all(|c| c.is_ascii_uppercase())).take(3).collect();
    if words.is_empty() { excerpt(&text) } else { words.join(" ") }
}

/// Flags of EXPLAIN.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExplainFlags {
    pub(crate) analyze: bool,
    pub(crate) verbose: bool,
    pub(crate) json: bool,
}

/// Options in parentheses: `(ANALYZE, VERBOSE, FORMAT JSON)`.
pub(crate) fn explain_options(options: &[ast::UtilityOption]) -> Result<ExplainFlags> {
    let mut flags = ExplainFlags::default();
    for option in options {
        let name = folded(&option.name);
        let argument = option.arg.as_ref().map(|a| a.to_string().trim_matches('\'').to_lowercase());
        let on = !matches!(argument.as_deref(), Some("off" | "false" | "0"));
        match name.as_str() {
            "analyze" => flags.analyze = on,
            "verbose" => flags.verbose = on,
            "format" => match argument.as_deref() {
                Some("json") => flags.json = true,
                Some("text") => flags.json = false,
                _ => return Err(Error::unsupported("EXPLAIN formats are text and json")),
            },
            "costs" | "timing" | "summary" | "settings" | "buffers" | "wal" if !on => {}
            "costs" | "timing" | "summary" => {}
            _ => {
                return Err(Error::new(kura_pgtypes::SqlState::SYNTAX_ERROR, format!("unrecognized EXPLAIN option \"{name}\"")));
            }
        }
    }
    Ok(flags)
}

/// `FORMAT json` without parentheses, as other systems write it; says whether it is JSON.
pub(crate) fn explain_format(format: Option<&ast::AnalyzeFormatKind>) -> Result<bool> {
    match format.map(|f| f.to_string().to_lowercase()) {
        None => Ok(false),
        Some(name) if name.contains("json") => Ok(true),
        Some(name) if name.contains("text") => Ok(false),
        Some(_) => Err(Error::unsupported("EXPLAIN formats are text and json")),
    }
}

/// Columns named by `* EXCEPT (…)`, `* EXCLUDE (…)`.
pub(crate) fn excluded(options: &ast::WildcardAdditionalOptions) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(except) = &options.opt_except {
        names.push(folded(&except.first_element));
        names.extend(except.additional_elements.iter().map(folded));
    }
    match &options.opt_exclude {
        Some(ast::ExcludeSelectItem::Single(name)) => names.extend(name.0.last().and_then(|p| p.as_ident()).map(folded)),
        Some(ast::ExcludeSelectItem::Multiple(list)) => {
            names.extend(list.iter().filter_map(|name| name.0.last().and_then(|p| p.as_ident()).map(folded)));
        }
        None => {}
    }
    names
}
