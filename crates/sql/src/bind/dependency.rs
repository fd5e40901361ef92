//! Which views cannot stay as they are when a relation, a column or a schema goes.
//!
//! Views keep their text and find what they read by name, so nothing is stored: the views that there are get bound, and
//! what their queries name is what they depend on. Only views whose text mentions a name are bound: there may be thousands. A
//! view that cannot be bound depends on nothing.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kura_catalog::{Column, Relation, Schema, Table, View};
use kura_pgtypes::{SqlError, SqlState};

use super::Binder;
use super::scope::ScopeColumn;
use crate::{Error, Result};

/// Objects named in a notice or detail, at most, as in PostgreSQL.
const LISTED_MAX: usize = 100;

/// What the view being bound names itself; what the views in it read is their own business.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Ids of tables and views.
    relations: HashSet<i64>,
    /// Columns of tables that are named, by the table's OID and the column's number in it.
    columns: HashSet<(u32, i16)>,
    /// Columns that `*` stands for, with their names.
    starred: HashMap<(u32, i16), String>,
}

/// Something that views can depend on.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A schema, with all that is in it.
    Schema(Arc<Schema>),
    /// A table or a view.
    Relation(Relation),
    /// A column of a table, by its position.
    Column(Arc<Table>, usize),
}

/// A table or view that cannot stay when something else goes.
#[derive(Debug)]
pub(super) struct Dependent {
    /// What it is.
    pub(super) relation: Relation,
    /// What it depends on, described.
    on: String,
}

/// A view and what it reads, once that was asked for.
struct Reader {
    view: Arc<View>,
    /// Its text in lower case.
    text: String,
    reads: OnceCell<Reads>,
}

impl Target {
    /// A column of a table by its name.
    pub(super) fn column(table: &Arc<Table>, name: &str) -> Option<Self> {
        let position = table.columns.iter().position(|column| column.name == name)?;
        Some(Self::Column(Arc::clone(table), position))
    }

    fn is(&self, relation: &Relation) -> bool {
        matches!(self, Self::Relation(own) if own.id() == relation.id())
    }

    fn described(&self, binder: &Binder<'_>) -> String {
        match self {
            Self::Schema(schema) => format!("schema {}", schema.name),
            Self::Relation(relation) => described(binder, relation),
            Self::Column(table, position) => {
                let name = table.columns.get(*position).map_or("", |column: &Column| column.name.as_str());
                format!("column {name} of {}", described(binder, &Relation::Table(Arc::clone(table))))
            }
        }
    }
}

impl Reads {
    /// Whether a view with these reads needs a column. What was added to a table behind a `*` is no column of the view, unless
    /// that cannot be told by its name.
    fn names(&self, column: (u32, i16), view: &View) -> bool {
        let fixed =
            |name: &String| view.columns.is_empty() || !view.column_names.is_empty() || view.columns.iter().any(|own| own.name == *name);
        self.columns.contains(&column) || self.starred.get(&column).is_some_and(fixed)
    }
}

impl Reader {
    fn new(view: &Arc<View>) -> Self {
        Self { view: Arc::clone(view), text: view.sql.to_lowercase(), reads: OnceCell::new() }
    }

    fn depends_on(&self, target: &Target, binder: &Binder<'_>) -> bool {
        match target {
            Target::Schema(schema) => self.view.schema_id == schema.id,
            Target::Relation(relation) => self.mentions(relation.name()) && self.reads(binder).relations.contains(&relation.id()),
            Target::Column(table, position) => {
                let number = i16::try_from(position + 1);
                self.mentions(&table.name) && number.is_ok_and(|number| self.reads(binder).names((table.oid, number), &self.view))
            }
        }
    }

    /// Whether the text may have the name in it. A longer name in the text is cut to the same start.
    fn mentions(&self, name: &str) -> bool {
        self.text.contains(&name.to_lowercase().replace('"', "\"\""))
    }

    fn reads(&self, binder: &Binder<'_>) -> &Reads {
        self.reads.get_or_init(|| binder.reads_of(&self.view))
    }
}

impl Binder<'_> {
    /// Notes that the view being bound names a relation.
    pub(crate) fn reads_relation(&self, id: i64) {
        if self.is_directly_in_view() {
            self.reads.borrow_mut().relations.insert(id);
        }
    }

    /// Notes that the view being bound names a column.
    pub(crate) fn reads_column(&self, column: &ScopeColumn) {
        if let (Some(origin), true) = (column.origin, self.is_directly_in_view()) {
            self.reads.borrow_mut().columns.insert(origin);
        }
    }

    /// Notes that a `*` of the view being bound stands for a column, among others.
    pub(crate) fn reads_starred(&self, column: &ScopeColumn) {
        if let (Some(origin), true) = (column.origin, self.is_directly_in_view()) {
            self.reads.borrow_mut().starred.insert(origin, column.name.clone());
        }
    }

    /// All that has to go when the targets go, and is none of them, in PostgreSQL's order: what something depends on comes
    /// before it, older before newer.
    pub(super) fn dependents(&self, targets: &[Target]) -> Vec<Dependent> {
        let mut readers = self.readers();
        readers.sort_by_key(|reader| std::cmp::Reverse(reader.view.oid));
        let mut walk = Walk { binder: self, readers: &readers, targets, seen: HashSet::new(), found: Vec::new() };
        for target in targets {
            walk.visit(target);
        }
        walk.found.reverse();
        walk.found
    }

    /// The views whose own queries name one of the targets, oldest first.
    pub(super) fn views_on(&self, targets: &[Target]) -> Vec<Arc<View>> {
        let mut readers = self.readers();
        readers.retain(|reader| targets.iter().any(|target| reader.depends_on(target, self)));
        readers.sort_by_key(|reader| reader.view.oid);
        readers.into_iter().map(|reader| reader.view).collect()
    }

    /// Refuses to leave dependents behind without CASCADE, and tells of them with it.
    ///
    /// # Errors
    /// 2BP01 with the dependents in its detail.
    pub(super) fn settle_cascade(&self, targets: &[Target], dependents: &[Dependent], cascade: bool) -> Result<()> {
        if dependents.is_empty() {
            return Ok(());
        }
        if cascade {
            self.tell_cascade(dependents);
            return Ok(());
        }
        let message = match targets {
            [one] => format!("cannot drop {} because other objects depend on it", one.described(self)),
            _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
        };
        Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
            .detail(listed(dependents, |d| format!("{} depends on {}", described(self, &d.relation), d.on)))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."))
    }

    fn tell_cascade(&self, dependents: &[Dependent]) {
        let line = |d: &Dependent| format!("drop cascades to {}", described(self, &d.relation));
        let notice = match dependents {
            [one] => SqlError::new(SqlState::SUCCESSFUL_COMPLETION, line(one)),
            many => SqlError::new(SqlState::SUCCESSFUL_COMPLETION, format!("drop cascades to {} other objects", many.len()))
                .detail(listed(many, line)),
        };
        self.notices.borrow_mut().push(notice);
    }

    fn is_directly_in_view(&self) -> bool {
        self.views.borrow().len() == 1
    }

    fn readers(&self) -> Vec<Reader> {
        let snapshot = &self.context.snapshot;
        snapshot
            .schemas()
            .flat_map(|schema| snapshot.relations(schema.id))
            .filter_map(|relation| match relation {
                Relation::View(view) => Some(Reader::new(view)),
                Relation::Table(_) => None,
            })
            .collect()
    }

    fn reads_of(&self, view: &View) -> Reads {
        let binder = Binder::new(self.context, "");
        match binder.view_query(view) {
            Ok(_) => binder.reads.into_inner(),
            Err(_) => Reads::default(),
        }
    }
}

/// A walk over all that depends on something.
struct Walk<'a> {
    binder: &'a Binder<'a>,
    /// Newest first.
    readers: &'a [Reader],
    targets: &'a [Target],
    seen: HashSet<i64>,
    /// Dependent ones first.
    found: Vec<Dependent>,
}

impl Walk<'_> {
    fn visit(&mut self, target: &Target) {
        let dependent = self.readers.iter().filter(|reader| reader.depends_on(target, self.binder));
        let mut next: Vec<Relation> = dependent.map(|reader| Relation::View(Arc::clone(&reader.view))).collect();
        if let Target::Schema(schema) = target {
            let snapshot = &self.binder.context.snapshot;
            next.extend(snapshot.relations(schema.id).filter(|relation| matches!(relation, Relation::Table(_))).cloned());
            next.sort_by_key(|relation| std::cmp::Reverse(relation.oid()));
        }
        for relation in next {
            if !self.seen.insert(relation.id()) {
                continue;
            }
            self.visit(&Target::Relation(relation.clone()));
            if !self.targets.iter().any(|target| target.is(&relation)) {
                self.found.push(Dependent { relation, on: target.described(self.binder) });
            }
        }
    }
}

fn listed(dependents: &[Dependent], line: impl Fn(&Dependent) -> String) -> String {
    let mut lines: Vec<String> = dependents.iter().take(LISTED_MAX).map(line).collect();
    match dependents.len().saturating_sub(LISTED_MAX) {
        0 => {}
        1 => lines.push("and 1 other object (see server log for list)".to_owned()),
        more => lines.push(format!("and {more} other objects (see server log for list)")),
    }
    lines.join("\n")
}

/// A relation with its kind, as errors name it.
pub(super) fn described(binder: &Binder<'_>, relation: &Relation) -> String {
    let kind = match relation {
        Relation::Table(_) => "table",
        Relation::View(_) => "view",
    };
    format!("{kind} {}", shown(binder, relation))
}

/// A relation's name, with its schema when the search path does not lead to it.
fn shown(binder: &Binder<'_>, relation: &Relation) -> String {
    let snapshot = &binder.context.snapshot;
    let reached = binder
        .search_path()
        .iter()
        .find_map(|s| snapshot.schema(s).and_then(|s| snapshot.relation(s.id, relation.name())).map(Relation::id));
    if reached == Some(relation.id()) {
        return relation.name().to_owned();
    }
    let schema = snapshot.schema_by_id(relation.schema_id()).map(|s| s.name.clone()).unwrap_or_default();
    format!("{schema}.{}", relation.name())
}
