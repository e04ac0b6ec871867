//! The hash graph of records: who came before whom, by `prev` and `seen`, never by clocks.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::model::ids::RecordId;
use crate::model::record::Record;

/// The records of a phase with their links.
///
/// The graph is covered by chains, in each of which every record comes after the one before it; there are about as many chains
/// as clones that once wrote at the same time. Each record knows how far up every chain its ancestors reach, so that who came
/// before whom is one look and not a search.
pub struct Graph<'a> {
    records: Vec<&'a Record>,
    by_id: HashMap<RecordId, usize>,
    /// For each record: its chain, and its place in it, 1 for the first.
    place: Vec<(usize, u32)>,
    /// For each record and chain: the place of the last ancestor (or itself) there. Chains begun later are left out.
    reach: Vec<Vec<u32>>,
    missing: BTreeMap<RecordId, RecordId>,
}

impl<'a> Graph<'a> {
    /// Builds the graph, in an order in which every record comes after those it links to; records that are not linked keep
    /// the order of the input. A record that occurs twice counts once. Links are hashes, so there is no cycle.
    pub fn new<R: Borrow<Record>>(records: &'a [R]) -> Self {
        let records: Vec<&Record> = records.iter().map(Borrow::borrow).collect();
        let mut by_id: HashMap<RecordId, usize> = HashMap::with_capacity(records.len());
        let mut starts = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            if let Entry::Vacant(new) = by_id.entry(record.id) {
                new.insert(at);
                starts.push(at);
            }
        }
        let mut missing = BTreeMap::new();
        let mut placed: Vec<Option<usize>> = vec![None; records.len()];
        let (mut ordered, mut place, mut reach, mut tails) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // What each record links to, one after the other, looked up once.
        let mut linked: Vec<usize> = Vec::new();
        for start in starts {
            let mut stack = vec![(start, None)];
            while let Some((at, ready)) = stack.pop() {
                if placed[at].is_some() {
                    continue;
                }
                if let Some(links) = ready {
                    let links: &[usize] = &linked[links];
                    let parents: Vec<usize> = links.iter().filter_map(|&parent| placed[parent]).collect();
                    let row = chain(&parents, ordered.len(), &mut place, &reach, &mut tails);
                    reach.push(row);
                    placed[at] = Some(ordered.len());
                    ordered.push(records[at]);
                    continue;
                }
                let first = linked.len();
                for link in links(records[at]) {
                    match by_id.get(&link) {
                        Some(&parent) => linked.push(parent),
                        None => {
                            missing.entry(link).or_insert(records[at].id);
                        }
                    }
                }
                let links = first..linked.len();
                stack.push((at, Some(links.clone())));
                let open = linked[links].iter().filter(|parent| placed[**parent].is_none());
                stack.extend(open.map(|&parent| (parent, None)));
            }
        }
        for at in by_id.values_mut() {
            *at = placed[*at].unwrap_or(*at);
        }
        Self { records: ordered, by_id, place, reach, missing }
    }

    /// The records, each after those it links to.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &'a Record> + '_ {
        self.records.iter().copied()
    }

    /// The record of this id.
    pub fn get(&self, id: &RecordId) -> Option<&'a Record> {
        self.by_id.get(id).map(|&at| self.records[at])
    }

    /// Linked to, but not there: something was removed or cut off, or never was; each with a record that links to it.
    pub fn missing(&self) -> &BTreeMap<RecordId, RecordId> {
        &self.missing
    }

    /// Whether `earlier` is among the ancestors of `later` (a record is no ancestor of itself).
    pub fn is_before(&self, earlier: &RecordId, later: &RecordId) -> bool {
        earlier != later && self.is_at_or_before(earlier, later)
    }

    /// Whether `earlier` is `later` or among its ancestors.
    pub fn is_at_or_before(&self, earlier: &RecordId, later: &RecordId) -> bool {
        let (Some(&earlier), Some(&later)) = (self.by_id.get(earlier), self.by_id.get(later)) else { return false };
        let (chain, at) = self.place[earlier];
        self.reach[later].get(chain).is_some_and(|&reached| reached >= at)
    }
}

/// Puts a record onto a chain: one whose last record is among its ancestors, else a new one. Gives how far it reaches.
fn chain(
    parents: &[usize],
    at: usize,
    place: &mut Vec<(usize, u32)>,
    reach: &[Vec<u32>],
    tails: &mut Vec<usize>,
) -> Vec<u32> {
    let longest = parents.iter().map(|&parent| reach[parent].len()).max().unwrap_or(0);
    let mut row = vec![0; longest];
    for &parent in parents {
        for (mine, &theirs) in row.iter_mut().zip(&reach[parent]) {
            *mine = theirs.max(*mine);
        }
    }
    let is_ancestor =
        |&(chain, &tail): &(usize, &usize)| row.get(chain).is_some_and(|&reached| reached >= place[tail].1);
    let found = tails.iter().enumerate().find(is_ancestor).map(|(chain, _)| chain);
    let (chain, number) = match found {
        Some(chain) => (chain, place[tails[chain]].1 + 1),
        None => (tails.len(), 1),
    };
    if found.is_some() {
        tails[chain] = at;
    } else {
        tails.push(at);
    }
    row.resize(row.len().max(chain + 1), 0);
    row[chain] = number;
    place.push((chain, number));
    row
}

fn links(record: &Record) -> impl Iterator<Item = RecordId> + '_ {
    record.block.prev.iter().chain(record.block.seen.values().flatten()).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::gates::tests::record;

    /// Who comes before whom, by searching.
    fn searched(parents: &[Vec<usize>], earlier: usize, later: usize) -> bool {
        let (mut seen, mut stack) = (HashSet::new(), parents[later].clone());
        while let Some(at) = stack.pop() {
            if at == earlier {
                return true;
            }
            if seen.insert(at) {
                stack.extend(&parents[at]);
            }
        }
        false
    }

    #[test]
    fn a_record_that_stands_twice_counts_once_and_a_link_to_nothing_is_kept_with_who_made_it() {
        let one = record(1, Vec::new());
        let gone = RecordId::of_block(b"gone");
        let two = record(2, vec![one.id, gone]);
        let twice = [one.clone(), two.clone(), one.clone(), two.clone()];
        let graph = Graph::new(&twice);
        assert_eq!(graph.records().map(|record| record.id).collect::<Vec<_>>(), [one.id, two.id]);
        assert_eq!(graph.missing(), &BTreeMap::from([(gone, two.id)]));
    }

    proptest! {
        #[test]
        fn chains_say_what_a_search_says(shape in proptest::collection::vec(proptest::collection::vec(0_usize..12, 0..4), 1..24)) {
            let mut records: Vec<Arc<Record>> = Vec::new();
            let mut parents: Vec<Vec<usize>> = Vec::new();
            for (at, back) in shape.iter().enumerate() {
                let mine: Vec<usize> = back.iter().filter_map(|back| at.checked_sub(back + 1)).collect();
                records.push(Arc::new(record(at, mine.iter().map(|&parent| records[parent].id).collect())));
                parents.push(mine);
            }
            let ids: Vec<RecordId> = records.iter().map(|record| record.id).collect();
            records.reverse();
            let graph = Graph::new(&records);
            prop_assert_eq!(graph.records().count(), ids.len());
            for (one, earlier) in ids.iter().enumerate() {
                for (other, later) in ids.iter().enumerate() {
                    prop_assert_eq!(graph.is_before(earlier, later), searched(&parents, one, other));
                }
            }
        }
    }
}
