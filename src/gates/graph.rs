//! The hash graph of records: who came before whom, by `prev` and `seen`, never by clocks.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::ids::RecordId;
use crate::model::record::Record;

/// The records of a phase with their links.
pub struct Graph<'a> {
    records: Vec<&'a Record>,
    by_id: HashMap<RecordId, usize>,
    parents: Vec<Vec<usize>>,
    missing: BTreeSet<RecordId>,
}

impl<'a> Graph<'a> {
    /// Builds the graph, in an order in which every record comes after those it links to; records that are not linked keep
    /// the order of the input. A record that occurs twice counts once. Links are hashes, so there is no cycle.
    pub fn new(records: &'a [Record]) -> Self {
        let mut first: HashMap<RecordId, usize> = HashMap::new();
        for (at, record) in records.iter().enumerate() {
            first.entry(record.id).or_insert(at);
        }
        let mut missing = BTreeSet::new();
        let mut placed = HashMap::new();
        let mut order: Vec<usize> = Vec::new();
        for start in 0..records.len() {
            if first.get(&records[start].id) != Some(&start) {
                continue;
            }
            let mut stack = vec![(start, false)];
            while let Some((at, ready)) = stack.pop() {
                if placed.contains_key(&records[at].id) {
                    continue;
                }
                if ready {
                    placed.insert(records[at].id, order.len());
                    order.push(at);
                    continue;
                }
                stack.push((at, true));
                for link in links(&records[at]) {
                    match first.get(&link) {
                        Some(&parent) if !placed.contains_key(&link) => stack.push((parent, false)),
                        Some(_) => {}
                        None => {
                            missing.insert(link);
                        }
                    }
                }
            }
        }
        let ordered: Vec<&Record> = order.iter().map(|&at| &records[at]).collect();
        let parents = ordered
            .iter()
            .map(|record| links(record).filter_map(|link| placed.get(&link).copied()).collect())
            .collect();
        Self { records: ordered, by_id: placed, parents, missing }
    }

    /// The records, each after those it links to.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &'a Record> + '_ {
        self.records.iter().copied()
    }

    /// The record of this id.
    pub fn get(&self, id: &RecordId) -> Option<&'a Record> {
        self.by_id.get(id).map(|&at| self.records[at])
    }

    /// Linked to, but not there: something was removed or cut off.
    pub fn missing(&self) -> &BTreeSet<RecordId> {
        &self.missing
    }

    /// Whether `earlier` is among the ancestors of `later` (a record is no ancestor of itself).
    pub fn is_before(&self, earlier: &RecordId, later: &RecordId) -> bool {
        let (Some(&target), Some(&start)) = (self.by_id.get(earlier), self.by_id.get(later)) else { return false };
        let mut seen = HashSet::new();
        let mut stack: Vec<usize> = self.parents[start].clone();
        while let Some(at) = stack.pop() {
            if at == target {
                return true;
            }
            // Parents stand before their children, so nothing below the target leads to it.
            if at > target && seen.insert(at) {
                stack.extend(&self.parents[at]);
            }
        }
        false
    }

    /// For each record in order: whether it or one of its ancestors satisfies the condition.
    pub fn reached(&self, condition: impl Fn(&Record) -> bool) -> HashMap<RecordId, bool> {
        let mut flags: Vec<bool> = Vec::with_capacity(self.records.len());
        for (at, record) in self.records.iter().enumerate() {
            let reached = condition(record) || self.parents[at].iter().any(|&parent| flags[parent]);
            flags.push(reached);
        }
        self.records.iter().map(|record| record.id).zip(flags).collect()
    }
}

fn links(record: &Record) -> impl Iterator<Item = RecordId> + '_ {
    record.block.prev.iter().chain(record.block.seen.values().flatten()).copied()
}
