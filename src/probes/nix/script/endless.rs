//! Loops that nothing ends: what stands behind them is not run.

use brush_parser::ast::{AndOr, AndOrList, Command, CompoundCommand, CompoundList, Pipeline, SeparatorOperator};

use super::program::base;
use super::{bare, words};

/// Whether a compound command has, in it or as itself, a loop whose condition never changes and that has no `break` of its own.
pub(super) fn endless(compound: &CompoundCommand) -> bool {
    match compound {
        CompoundCommand::BraceGroup(group) => any(&group.list),
        CompoundCommand::Subshell(shell) => any(&shell.list),
        CompoundCommand::ForClause(each) => any(&each.body.list),
        CompoundCommand::ArithmeticForClause(counted) => {
            let condition = counted.condition.as_ref().map(|expr| expr.value.trim()).unwrap_or_default();
            matches!(condition, "" | "1") && !breaks(&counted.body.list) || any(&counted.body.list)
        }
        CompoundCommand::CaseClause(case) => case.cases.iter().filter_map(|item| item.cmd.as_ref()).any(any),
        CompoundCommand::IfClause(clause) => {
            let elses = clause.elses.iter().flatten();
            any(&clause.condition)
                || any(&clause.then)
                || elses.into_iter().any(|other| other.condition.as_ref().is_some_and(any) || any(&other.body))
        }
        CompoundCommand::WhileClause(held) => repeats(&held.0, &held.1.list, true),
        CompoundCommand::UntilClause(held) => repeats(&held.0, &held.1.list, false),
        CompoundCommand::Arithmetic(_) | CompoundCommand::Coprocess(_) => false,
    }
}

/// The same of a pipeline, which ends when all of it has.
pub(super) fn in_pipeline(pipeline: &Pipeline) -> bool {
    pipeline.seq.iter().any(|command| matches!(command, Command::Compound(compound, _) if endless(compound)))
}

fn any(list: &CompoundList) -> bool {
    let waited_for = list.0.iter().filter(|item| matches!(item.1, SeparatorOperator::Sequence));
    waited_for.flat_map(|item| pipelines(&item.0)).any(in_pipeline)
}

fn pipelines(list: &AndOrList) -> impl Iterator<Item = &Pipeline> {
    let more = list.additional.iter().map(|next| match next {
        AndOr::And(pipeline) | AndOr::Or(pipeline) => pipeline,
    });
    std::iter::once(&list.first).chain(more)
}

fn repeats(condition: &CompoundList, body: &CompoundList, while_it: bool) -> bool {
    always(condition) == Some(while_it) && !breaks(body) || any(condition) || any(body)
}

/// What a condition always comes to, where that is plain.
fn always(condition: &CompoundList) -> Option<bool> {
    let last = &condition.0.last()?.0;
    if !last.additional.is_empty() {
        return None;
    }
    let succeeds = match last.first.seq.last()? {
        Command::Simple(simple) => {
            let words: Vec<String> = words(simple).iter().map(|word| bare(word)).collect();
            match base(words.first()?) {
                ":" | "true" | "sleep" | "echo" | "printf" => true,
                "false" => false,
                "[" | "test" if words.get(1).is_some_and(|word| word == "1") && words.len() <= 3 => true,
                _ => return None,
            }
        }
        Command::Compound(CompoundCommand::Arithmetic(sum), _) if sum.expr.value.trim() == "1" => true,
        Command::ExtendedTest(test, _) if test.to_string().trim_start_matches("-n").trim() == "1" => true,
        _ => return None,
    };
    Some(succeeds != last.first.bang)
}

/// Whether a loop's body has a `break` that is no inner loop's.
fn breaks(body: &CompoundList) -> bool {
    let alone = body.0.iter().flat_map(|item| pipelines(&item.0)).filter(|pipeline| pipeline.seq.len() == 1);
    alone.flat_map(|pipeline| &pipeline.seq).any(|command| match command {
        Command::Simple(simple) => words(simple).first().is_some_and(|name| bare(name) == "break"),
        Command::Compound(CompoundCommand::BraceGroup(group), _) => breaks(&group.list),
        Command::Compound(CompoundCommand::CaseClause(case), _) => {
            case.cases.iter().filter_map(|item| item.cmd.as_ref()).any(breaks)
        }
        Command::Compound(CompoundCommand::IfClause(clause), _) => {
            let elses = clause.elses.iter().flatten();
            breaks(&clause.then) || elses.into_iter().any(|other| breaks(&other.body))
        }
        _ => false,
    })
}
