//! The queue: which waiting transfer starts next (FTS page §3.9); pure, told of every event and of the time.
//!
//! A unit is what one agent carries: a file, or all files of a session-reuse job. Units of one link wait in the order
//! of priority, then of file id. Links take turns, so that a long queue does not hold up a short one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Id of a unit: its first file's.
pub type UnitId = u64;

/// From one storage element to another.
pub type Link = (String, String);

/// How many units may run at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// On one link.
    pub link: usize,
    /// Into or out of one storage element.
    pub storage: usize,
    /// In all.
    pub node: usize,
}

#[derive(Debug, Clone)]
struct Unit {
    link: Link,
    priority: u8,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Delayed(i64),
    Queued,
    Running,
}

/// The queue and what runs.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    special: Special,
    units: HashMap<UnitId, Unit>,
    queues: BTreeMap<Link, BTreeSet<(Reverse<u8>, UnitId)>>,
    delayed: BTreeSet<(i64, UnitId)>,
    running: Running,
    turn: Option<Link>,
}

/// Limits of single links and storage elements, where an operator set them.
#[derive(Debug, Default)]
struct Special {
    links: HashMap<Link, usize>,
    out: HashMap<String, usize>,
    into: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Running {
    total: usize,
    links: HashMap<Link, usize>,
    out: HashMap<String, usize>,
    into: HashMap<String, usize>,
}

impl Running {
    fn add(&mut self, link: &Link) {
        self.total += 1;
        *self.links.entry(link.clone()).or_default() += 1;
        *self.out.entry(link.0.clone()).or_default() += 1;
        *self.into.entry(link.1.clone()).or_default() += 1;
    }

    fn remove(&mut self, link: &Link) {
        fn less<K: std::hash::Hash + Eq>(map: &mut HashMap<K, usize>, key: &K) {
            if let Some(count) = map.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    map.remove(key);
                }
            }
        }
        self.total = self.total.saturating_sub(1);
        less(&mut self.links, link);
        less(&mut self.out, &link.0);
        less(&mut self.into, &link.1);
    }

    fn has_room(&self, link: &Link, limits: &Limits, special: &Special) -> bool {
        fn fits<K: std::hash::Hash + Eq>(
            running: &HashMap<K, usize>,
            special: &HashMap<K, usize>,
            key: &K,
            usual: usize,
        ) -> bool {
            running.get(key).copied().unwrap_or_default()
                < special.get(key).copied().unwrap_or(usual)
        }
        self.total < limits.node
            && fits(&self.links, &special.links, link, limits.link)
            && fits(&self.out, &special.out, &link.0, limits.storage)
            && fits(&self.into, &special.into, &link.1, limits.storage)
    }
}

impl Scheduler {
    /// An empty queue. A limit of 0 would stop everything for ever; 1 is taken for it.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits {
            link: limits.link.max(1),
            storage: limits.storage.max(1),
            node: limits.node.max(1),
        };
        Self {
            limits,
            special: Special::default(),
            units: HashMap::new(),
            queues: BTreeMap::new(),
            delayed: BTreeSet::new(),
            running: Running::default(),
            turn: None,
        }
    }

    /// How many units may run at once out of and into a storage element; `None` is what all others have.
    pub fn limit_storage(&mut self, storage: &str, out: Option<usize>, into: Option<usize>) {
        for (map, limit) in [(&mut self.special.out, out), (&mut self.special.into, into)] {
            match limit {
                Some(limit) => map.insert(storage.to_owned(), limit),
                None => map.remove(storage),
            };
        }
    }

    /// How many units may run at once on a link; `None` is what all others have.
    pub fn limit_link(&mut self, link: Link, limit: Option<usize>) {
        match limit {
            Some(limit) => self.special.links.insert(link, limit),
            None => self.special.links.remove(&link),
        };
    }

    /// A unit enters the queue; it may start from `from` on (Unix milliseconds). Entering again moves it.
    pub fn enqueue(&mut self, unit: UnitId, link: Link, priority: u8, from: i64) {
        self.leave(unit);
        self.delayed.insert((from, unit));
        self.units.insert(
            unit,
            Unit {
                link,
                priority,
                place: Place::Delayed(from),
            },
        );
    }

    /// A unit leaves, whether it waited or ran.
    pub fn leave(&mut self, unit: UnitId) {
        let Some(known) = self.units.remove(&unit) else {
            return;
        };
        match known.place {
            Place::Delayed(from) => {
                self.delayed.remove(&(from, unit));
            }
            Place::Queued => self.unqueue(&known, unit),
            Place::Running => self.running.remove(&known.link),
        }
    }

    fn unqueue(&mut self, known: &Unit, unit: UnitId) {
        if let Some(queue) = self.queues.get_mut(&known.link) {
            queue.remove(&(Reverse(known.priority), unit));
            if queue.is_empty() {
                self.queues.remove(&known.link);
            }
        }
    }

    /// A waiting unit gets another priority.
    pub fn set_priority(&mut self, unit: UnitId, priority: u8) {
        let Some(known) = self.units.get(&unit).cloned() else {
            return;
        };
        if known.place == Place::Queued {
            self.unqueue(&known, unit);
            self.queues
                .entry(known.link.clone())
                .or_default()
                .insert((Reverse(priority), unit));
        }
        self.units.insert(unit, Unit { priority, ..known });
    }

    /// The units that start now, in the order in which they start; they count as running until they leave.
    pub fn start(&mut self, now: i64) -> Vec<UnitId> {
        while let Some((from, unit)) = self
            .delayed
            .first()
            .copied()
            .filter(|(from, _)| *from <= now)
        {
            self.delayed.remove(&(from, unit));
            if let Some(known) = self.units.get_mut(&unit) {
                known.place = Place::Queued;
                self.queues
                    .entry(known.link.clone())
                    .or_default()
                    .insert((Reverse(known.priority), unit));
            }
        }
        let mut started = Vec::new();
        loop {
            let Some(link) = self.next_link() else {
                return started;
            };
            let Some((_, unit)) = self.queues.get_mut(&link).and_then(BTreeSet::pop_first) else {
                return started;
            };
            if self.queues.get(&link).is_some_and(BTreeSet::is_empty) {
                self.queues.remove(&link);
            }
            self.running.add(&link);
            if let Some(known) = self.units.get_mut(&unit) {
                known.place = Place::Running;
            }
            self.turn = Some(link);
            started.push(unit);
        }
    }

    /// The first link after the one that had its turn last, with somebody waiting and room for him.
    fn next_link(&self) -> Option<Link> {
        use std::ops::Bound::{Excluded, Unbounded};
        let fits = |link: &&Link| self.running.has_room(link, &self.limits, &self.special);
        let Some(turn) = &self.turn else {
            return self.queues.keys().find(fits).cloned();
        };
        let after = self
            .queues
            .range::<Link, _>((Excluded(turn), Unbounded))
            .map(|(link, _)| link);
        let before = self.queues.range::<Link, _>(..=turn).map(|(link, _)| link);
        after.chain(before).find(fits).cloned()
    }

    /// The next moment at which a delayed unit may start.
    pub fn next_moment(&self) -> Option<i64> {
        self.delayed.first().map(|(from, _)| *from)
    }

    /// Units waiting on a link.
    pub fn waiting(&self, link: &Link) -> usize {
        self.units
            .values()
            .filter(|unit| unit.place != Place::Running && unit.link == *link)
            .count()
    }

    /// Units running.
    pub fn running(&self) -> usize {
        self.running.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(from: &str, to: &str) -> Link {
        (from.into(), to.into())
    }

    fn scheduler(link: usize, storage: usize, node: usize) -> Scheduler {
        Scheduler::new(Limits {
            link,
            storage,
            node,
        })
    }

    #[test]
    fn priority_first_then_the_lower_file_id() {
        let mut queue = scheduler(10, 10, 10);
        for (unit, priority) in [(4, 3), (2, 3), (3, 5), (1, 1)] {
            queue.enqueue(unit, link("a", "b"), priority, 0);
        }
        assert_eq!(queue.start(0), [3, 2, 4, 1]);
    }

    #[test]
    fn a_delay_is_kept_to_the_millisecond() {
        let mut queue = scheduler(10, 10, 10);
        queue.enqueue(1, link("a", "b"), 3, 5_400_000);
        assert_eq!(queue.start(5_399_999), Vec::<u64>::new());
        assert_eq!(queue.next_moment(), Some(5_400_000));
        assert_eq!(queue.start(5_400_000), [1]);
    }

    #[test]
    fn links_take_turns() {
        let mut queue = scheduler(10, 10, 4);
        for unit in 1..=10 {
            queue.enqueue(unit, link("a", "b"), 3, 0);
        }
        queue.enqueue(11, link("c", "d"), 3, 0);
        assert_eq!(queue.start(0), [1, 11, 2, 3]);
        queue.leave(11);
        assert_eq!(queue.start(0), [4]);
    }

    #[test]
    fn limits_of_link_storage_and_node_hold() {
        let mut queue = scheduler(2, 3, 10);
        for (unit, to) in [(1, "x"), (2, "x"), (3, "x"), (4, "y"), (5, "y"), (6, "z")] {
            queue.enqueue(unit, link("a", to), 3, 0);
        }
        let started = queue.start(0);
        assert_eq!(started.len(), 3, "storage a gives three: {started:?}");
        queue.leave(started[0]);
        assert_eq!(queue.start(0).len(), 1);
    }

    #[test]
    fn an_operator_narrows_one_storage_element_or_link() {
        let mut queue = scheduler(10, 10, 10);
        queue.limit_storage("a", Some(2), None);
        queue.limit_link(link("a", "x"), Some(1));
        for (unit, to) in [(1, "x"), (2, "x"), (3, "y"), (4, "y")] {
            queue.enqueue(unit, link("a", to), 3, 0);
        }
        assert_eq!(queue.start(0), [1, 3]);
        queue.limit_storage("a", None, None);
        queue.limit_link(link("a", "x"), Some(0));
        assert_eq!(queue.start(0), [4], "0 closes a link");
    }

    #[test]
    fn a_cancelled_unit_gives_its_slot_back() {
        let mut queue = scheduler(1, 1, 1);
        queue.enqueue(1, link("a", "b"), 3, 0);
        queue.enqueue(2, link("a", "b"), 3, 0);
        assert_eq!(queue.start(0), [1]);
        queue.leave(1);
        queue.leave(1);
        assert_eq!(queue.start(0), [2]);
        assert_eq!(queue.running(), 1);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Enqueue {
            unit: u64,
            from: u8,
            to: u8,
            priority: u8,
            delay: i64,
        },
        Leave(u64),
        Priority(u64, u8),
        Start(i64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..40_u64, 0..3_u8, 0..3_u8, 1..=5_u8, 0..50_i64).prop_map(
                |(unit, from, to, priority, delay)| Event::Enqueue {
                    unit,
                    from,
                    to,
                    priority,
                    delay
                }
            ),
            (0..40_u64).prop_map(Event::Leave),
            (0..40_u64, 1..=5_u8).prop_map(|(unit, priority)| Event::Priority(unit, priority)),
            (0..60_i64).prop_map(Event::Start),
        ]
    }

    proptest! {
        #[test]
        fn limits_always_hold_and_everybody_gets_a_turn(
            events in proptest::collection::vec(event(), 0..120),
            (at_link, at_storage, at_node) in (1..4_usize, 1..5_usize, 1..6_usize),
        ) {
            let mut queue = scheduler(at_link, at_storage, at_node);
            let mut model: HashMap<u64, (Link, bool)> = HashMap::new();
            for event in events {
                match event {
                    Event::Enqueue { unit, from, to, priority, delay } => {
                        let link = (format!("s{from}"), format!("d{to}"));
                        queue.enqueue(unit, link.clone(), priority, delay);
                        model.insert(unit, (link, false));
                    }
                    Event::Leave(unit) => {
                        queue.leave(unit);
                        model.remove(&unit);
                    }
                    Event::Priority(unit, priority) => queue.set_priority(unit, priority),
                    Event::Start(now) => {
                        for unit in queue.start(now) {
                            let known = model.get_mut(&unit);
                            prop_assert!(known.is_some(), "started an unknown unit");
                            let known = known.unwrap();
                            prop_assert!(!known.1, "started twice");
                            known.1 = true;
                        }
                        let running: Vec<_> = model.values().filter(|unit| unit.1).map(|unit| &unit.0).collect();
                        prop_assert!(running.len() <= at_node);
                        prop_assert_eq!(queue.running(), running.len());
                        for link in &running {
                            prop_assert!(running.iter().filter(|one| one == &link).count() <= at_link);
                            prop_assert!(running.iter().filter(|one| one.0 == link.0).count() <= at_storage);
                            prop_assert!(running.iter().filter(|one| one.1 == link.1).count() <= at_storage);
                        }
                    }
                }
            }
            // Let everything end: whoever waits gets its turn, and each exactly once.
            for _ in 0..=model.len() {
                for unit in model.iter().filter(|(_, known)| known.1).map(|(unit, _)| *unit).collect::<Vec<_>>() {
                    queue.leave(unit);
                    model.remove(&unit);
                }
                for unit in queue.start(i64::MAX) {
                    if let Some(known) = model.get_mut(&unit) {
                        known.1 = true;
                    }
                }
            }
            prop_assert!(model.is_empty(), "starved: {:?}", model);
            prop_assert_eq!(queue.running(), 0);
            prop_assert_eq!(queue.next_moment(), None);
        }
    }
}
