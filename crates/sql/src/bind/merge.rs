//! MERGE: the source joined with the table, and for every row of that which of the WHEN clauses takes it.
//!
//! The expressions of a clause stand in a CASE, so that they are evaluated for the rows it takes and no others.

use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::logical_expr::{Case, Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast;
use kura_catalog::Table;
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::insert::{check_width, insert_columns, is_default};
use super::join::join_on;
use super::modify::{Change, Place, Target, table_scope};
use super::scope::{Env, Scope};
use super::typed::Typed;
use super::update::distinct_columns;
use super::{Binder, place_of};
use crate::parse::{Matching, Merge, MergeAction, MergeClause};
use crate::statement::{Action, Statement, Twice};
use crate::{Error, Result};

/// The joined rows.
struct Pairs {
    plan: LogicalPlan,
    kind: JoinType,
    /// A column that is NULL where there is no row of the source.
    marker: Option<Column>,
    source: Scope,
    /// The table's columns, then the source's.
    both: Scope,
}

impl Binder<'_> {
    pub(super) fn merge(&self, merge: &Merge, env: &Env<'_>) -> Result<Statement> {
        check_reachable(&merge.clauses)?;
        let target = self.target(&merge.table, "merge into")?;
        let pairs = self.pairs(merge, &target, env)?;
        let chosen = self.fresh_column("clause");
        let clause = self.clause_of(&merge.clauses, &pairs, &target, env)?;
        let mut fields: Vec<Expr> = pairs.plan.schema().columns().into_iter().map(Expr::Column).collect();
        fields.push(clause.alias(chosen.name.clone()));
        let plan = LogicalPlanBuilder::from(pairs.plan.clone()).project(fields)?.build()?;
        self.merged(merge, &target, &pairs, plan, &chosen, env)
    }

    /// The source joined with the table, keeping the rows without a partner that a WHEN clause is about.
    fn pairs(&self, merge: &Merge, target: &Target, env: &Env<'_>) -> Result<Pairs> {
        let (mut left, source) = self.from(std::slice::from_ref(&merge.source), env)?;
        let name = target.scope.columns.first().and_then(|c| c.relation.clone());
        if let Some(name) = name.filter(|name| source.has_relation(name)) {
            return Err(Error::new(SqlState::DUPLICATE_ALIAS, format!("name \"{name}\" specified more than once"))
                .detail("The name is used both as MERGE target table and data source."));
        }
        let has = |matching| merge.clauses.iter().any(|clause| clause.matching == matching);
        let kind = match (has(Matching::ByTarget), has(Matching::BySource)) {
            (false, false) => JoinType::Inner,
            (true, false) => JoinType::Left,
            (false, true) => JoinType::Right,
            (true, true) => JoinType::Full,
        };
        let marker = has(Matching::BySource).then(|| self.fresh_column("source"));
        if let Some(marker) = &marker {
            let mut fields: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
            fields.push(lit(true).alias(marker.name.clone()));
            left = LogicalPlanBuilder::from(left).project(fields)?.build()?;
        }
        let mut both = target.scope.clone();
        both.columns.extend(source.columns.iter().cloned());
        let inner = Env { scope: &both, ..*env };
        let on = self.condition(&merge.on, At { env: &inner, clause: Clause::JoinOn, operand: false }, "JOIN/ON")?;
        let plan = join_on(left, target.plan.clone(), kind, vec![on])?;
        Ok(Pairs { plan, kind, marker, source, both })
    }

    /// The number of the WHEN clause that takes a row, counted from 1; 0 for none.
    fn clause_of(&self, clauses: &[MergeClause], pairs: &Pairs, target: &Target, env: &Env<'_>) -> Result<Expr> {
        let first = |matching| self.first_of(clauses, matching, pairs, target, env);
        let without_target = || Expr::Column(target.place.file.clone()).is_null();
        let without_source = pairs.marker.as_ref().map(|marker| Expr::Column(marker.clone()).is_null());
        let mut branches = Vec::with_capacity(2);
        if matches!(pairs.kind, JoinType::Left | JoinType::Full) {
            branches.push((without_target(), first(Matching::ByTarget)?));
        }
        if let Some(without_source) = without_source {
            branches.push((without_source, first(Matching::BySource)?));
        }
        Ok(case(branches, first(Matching::Matched)?))
    }

    /// Among the clauses of one kind, the first whose condition is met.
    fn first_of(&self, clauses: &[MergeClause], matching: Matching, pairs: &Pairs, target: &Target, env: &Env<'_>) -> Result<Expr> {
        let inner = Env { scope: visible(matching, pairs, target), ..*env };
        let at = At { env: &inner, clause: Clause::MergeWhen, operand: true };
        let mut branches = Vec::new();
        for (number, clause) in numbered(clauses).filter(|(_, clause)| clause.matching == matching) {
            match &clause.condition {
                Some(condition) => branches.push((one_by_one(self.condition(condition, at, "WHEN")?), lit(number))),
                None => return Ok(case(branches, lit(number))),
            }
        }
        Ok(case(branches, lit(0_i32)))
    }

    /// The rows with what they ask for. `chosen`: the column with the clause's number.
    fn merged(
        &self,
        merge: &Merge,
        target: &Target,
        pairs: &Pairs,
        plan: LogicalPlan,
        chosen: &Column,
        env: &Env<'_>,
    ) -> Result<Statement> {
        let is = |number: i32| Expr::Column(chosen.clone()).eq(lit(number));
        let mut actions = Vec::with_capacity(merge.clauses.len());
        let mut choices: Vec<Vec<(Expr, Expr)>> = target.table.columns.iter().map(|_| Vec::new()).collect();
        let mut writes = false;
        for (number, clause) in numbered(&merge.clauses) {
            let inner = Env { scope: visible(clause.matching, pairs, target), ..*env };
            let action = action_of(&clause.action);
            writes |= matches!(action, Action::Insert | Action::Update);
            if action != Action::Nothing {
                actions.push((is(number), lit(action.code())));
            }
            for (value, choice) in self.new_values(&clause.action, target, &inner)?.into_iter().zip(&mut choices) {
                choice.push((is(number), value));
            }
        }
        let place = Place { file: self.fresh_column("file"), position: self.fresh_column("position") };
        let action = self.fresh_column("action");
        let mut fields = vec![
            Expr::Column(target.place.file.clone()).alias(place.file.name.clone()),
            Expr::Column(target.place.position.clone()).alias(place.position.name.clone()),
            case(actions, lit(Action::Nothing.code())).alias(action.name.clone()),
        ];
        let mut values = Vec::with_capacity(choices.len());
        for (column, choice) in target.table.columns.iter().zip(choices) {
            let own = self.fresh_column(&column.name);
            fields.push(case(choice, lit(ScalarValue::try_from(&column.ty.arrow())?)).alias(own.name.clone()));
            values.push(own);
        }
        fields.extend(distinct_columns(&pairs.source.columns));
        let plan = LogicalPlanBuilder::from(plan).project(fields)?.build()?;
        let relation = target.scope.columns.first().and_then(|c| c.relation.clone()).unwrap_or_default();
        let mut returned = pairs.source.clone();
        returned.columns.extend(table_scope(&target.table, &relation, values.iter().cloned()).columns);
        let change = Change {
            command: "MERGE",
            table: std::sync::Arc::clone(&target.table),
            twice: Twice::Error,
            plan,
            action: Expr::Column(action),
            place: Some(place),
            values: writes.then_some(values),
            everything: false,
        };
        self.changing(change, merge.returning.as_deref(), &Env { scope: &returned, ..*env })
    }

    /// The values that an action gives the table's columns; of a row that goes, those it had.
    fn new_values(&self, action: &MergeAction, target: &Target, env: &Env<'_>) -> Result<Vec<Expr>> {
        let old = || target.scope.columns.iter().map(|column| Expr::Column(column.column.clone()));
        match action {
            MergeAction::Nothing => Ok(Vec::new()),
            MergeAction::Delete => Ok(old().collect()),
            MergeAction::Update(list) => {
                let assigned = self.assignments(&target.table, list, At { env, clause: Clause::Update, operand: true })?;
                Ok(old().zip(assigned).map(|(old, new)| new.map_or(old, |typed| typed.expr)).collect())
            }
            MergeAction::Insert { columns, values } => {
                let cells = match values {
                    Some(values) => self.added_row(&target.table, columns, values, env)?,
                    None => target.table.columns.iter().map(|_| None).collect(),
                };
                Ok(self.filled(&target.table, cells)?.into_iter().map(|typed| typed.expr).collect())
            }
        }
    }

    /// The row of an INSERT action, by position in the table; `None`: to be filled with the default.
    fn added_row(&self, table: &Table, names: &[ast::ObjectName], values: &[ast::Expr], env: &Env<'_>) -> Result<Vec<Option<Typed>>> {
        let targets = insert_columns(table, names)?;
        check_width(values.len(), targets.len(), names, values.get(targets.len()))?;
        let at = At { env, clause: Clause::Values, operand: true };
        let mut cells: Vec<Option<Typed>> = table.columns.iter().map(|_| None).collect();
        for (expr, target) in values.iter().zip(targets) {
            let (Some(column), Some(cell)) = (table.columns.get(target), cells.get_mut(target)) else {
                continue;
            };
            if !is_default(expr) {
                let typed = self.expr(expr, at)?;
                *cell = Some(self.assign(typed, column.ty, &column.name).map_err(|error| error.at(place_of(expr)))?);
            }
        }
        Ok(cells)
    }
}

/// What the expressions of a clause may name.
fn visible<'s>(matching: Matching, pairs: &'s Pairs, target: &'s Target) -> &'s Scope {
    match matching {
        Matching::Matched => &pairs.both,
        Matching::ByTarget => &pairs.source,
        Matching::BySource => &target.scope,
    }
}

/// The clauses with their numbers.
fn numbered(clauses: &[MergeClause]) -> impl Iterator<Item = (i32, &MergeClause)> {
    (1_i32..).zip(clauses)
}

fn action_of(action: &MergeAction) -> Action {
    match action {
        MergeAction::Nothing => Action::Nothing,
        MergeAction::Delete => Action::Delete,
        MergeAction::Update(_) => Action::Update,
        MergeAction::Insert { .. } => Action::Insert,
    }
}

/// A condition whose ANDs are evaluated from left to right, each for the rows that met those before it.
fn one_by_one(condition: Expr) -> Expr {
    let mut parts = datafusion::logical_expr::utils::split_conjunction_owned(condition);
    let Some(last) = parts.pop() else { return lit(true) };
    if parts.is_empty() {
        return last;
    }
    // Numbers, not booleans: the engine would make ANDs and ORs of those again.
    let met = parts.into_iter().rev().fold(case(vec![(last, lit(1_i32))], lit(0_i32)), |then, part| case(vec![(part, then)], lit(0_i32)));
    met.eq(lit(1_i32))
}

/// A CASE over conditions; without any, its ELSE.
fn case(branches: Vec<(Expr, Expr)>, otherwise: Expr) -> Expr {
    if branches.is_empty() {
        return otherwise;
    }
    let when_then = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    Expr::Case(Case::new(None, when_then, Some(Box::new(otherwise))))
}

/// A clause behind one of its kind without a condition takes no row.
fn check_reachable(clauses: &[MergeClause]) -> Result<()> {
    let mut closed = Vec::new();
    for clause in clauses {
        if closed.contains(&clause.matching) {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "unreachable WHEN clause specified after unconditional WHEN clause"));
        }
        if clause.condition.is_none() {
            closed.push(clause.matching);
        }
    }
    Ok(())
}
