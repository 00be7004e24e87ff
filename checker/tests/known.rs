//! Programs small enough to be worked out by hand: what the brute force must say, and what loom says.

use std::collections::BTreeSet;

use keylane_checker::brute::{self, Reachable};
use keylane_checker::compare::Comparison;
use keylane_checker::explore::{Exploration, Failure, Setup, Words, explore};
use keylane_checker::program::{Condition, Ending, Op, Outcome, Program, Rmw, Step};
use keylane_checker::shrink::shrink;

const VOCABULARY: Setup = Setup { words: Words::Vocabulary, preemption_bound: None, limit: 10_000 };
const PLAIN: Setup = Setup { words: Words::Plain, ..VOCABULARY };

fn program<const N: usize>(threads: [Vec<Op>; N]) -> Program {
    let steps = |code: Vec<Op>| code.into_iter().map(Step::from).collect();
    let program = Program { threads: threads.map(steps).into(), main_takes_part: true, joined: false };
    assert!(program.is_well_formed(), "{program}");
    program
}

fn add_one(word: usize) -> Op {
    Op::Rmw { word, rmw: Rmw::Add, operand: 1, into: 0 }
}

fn load(word: usize) -> Op {
    Op::Load { word, acquire: false, into: 0 }
}

fn store(word: usize) -> Op {
    Op::Store { word, release: false, value: 1 }
}

fn section(mutex: usize, inside: impl IntoIterator<Item = Op>) -> Vec<Op> {
    let mut code = vec![Op::Lock { mutex }];
    code.extend(inside);
    code.push(Op::Unlock { mutex });
    code
}

fn set_predicate() -> Vec<Op> {
    section(0, [Op::Update { mutex: 0, rmw: Rmw::Or, operand: 1 }])
}

fn wait() -> Vec<Op> {
    section(0, [Op::Wait { mask: 1 }])
}

/// What each thread's register 0 can be, together.
fn first_registers<const N: usize>(endings: &BTreeSet<Ending>) -> BTreeSet<[u8; N]> {
    let finished = |ending: &Ending| match ending {
        Ending::Finished(Outcome { registers, .. }) => {
            Some(std::array::from_fn(|thread| registers[thread][0]))
        }
        Ending::Deadlock | Ending::Race => None,
    };
    endings.iter().filter_map(finished).collect()
}

/// Both sides, which must agree unless loom stopped early; words of the vocabulary.
fn agreed(program: &Program) -> (Reachable, Exploration) {
    let mut last = None;
    for joined in [false, true] {
        for main_takes_part in [false, true] {
            let program = Program { joined, main_takes_part, ..program.clone() };
            let both = Comparison::of(&program, VOCABULARY).expect("it is small");
            assert_eq!(both.lost(), BTreeSet::new(), "{program}");
            assert_eq!(both.invented(), BTreeSet::new(), "{program}");
            last = Some((both.reachable, both.explored));
        }
    }
    last.expect("there were four")
}

#[test]
fn two_additions_have_two_orders() {
    let (reachable, explored) = agreed(&program([vec![add_one(0)], vec![add_one(0)]]));
    assert_eq!(first_registers(&reachable.endings), [[0, 1], [1, 0]].into());
    // At the start, after either, and after both in either order.
    assert_eq!(reachable.states, 5);
    assert!(explored.complete);
}

#[test]
fn three_additions_have_six_orders() {
    let (reachable, _) = agreed(&program([vec![add_one(0)], vec![add_one(0)], vec![add_one(0)]]));
    assert_eq!(reachable.endings.len(), 6);
    assert_eq!(reachable.outcomes(), 6);
}

#[test]
fn additions_to_two_words_have_one_outcome() {
    let (reachable, _) = agreed(&program([vec![add_one(0)], vec![add_one(1)]]));
    assert_eq!(reachable.endings.len(), 1);
    assert_eq!(reachable.states, 4);
}

/// Store buffering: an interleaving never reads the old value twice. C11 can, and loom says so: that is invented,
/// not lost.
#[test]
fn store_buffering_has_three_outcomes_and_loom_a_fourth() {
    let program = program([vec![store(0), load(1)], vec![store(1), load(0)]]);
    let both = Comparison::of(&program, PLAIN).expect("it is small");
    assert_eq!(first_registers(&both.reachable.endings), [[0, 1], [1, 0], [1, 1]].into());
    assert_eq!(first_registers(&both.invented()), [[0, 0]].into());
    assert_eq!(both.lost(), BTreeSet::new());
}

#[test]
fn locks_in_two_orders_deadlock() {
    let nested = |outer, inner| section(outer, section(inner, []));
    let (reachable, explored) = agreed(&program([nested(0, 1), nested(1, 0)]));
    assert!(reachable.endings.contains(&Ending::Deadlock));
    assert_eq!(reachable.outcomes(), 1);
    assert!(explored.endings.contains(&Ending::Deadlock) && !explored.complete);

    let (reachable, explored) = agreed(&program([nested(0, 1), nested(0, 1)]));
    assert_eq!(reachable.endings.len(), 1);
    assert!(explored.complete);
}

#[test]
fn a_notify_before_the_change_can_be_lost() {
    let (reachable, explored) = agreed(&program([wait(), [set_predicate(), vec![Op::Notify]].concat()]));
    assert_eq!(reachable.endings.len(), 1);
    assert!(explored.complete);

    let (reachable, explored) = agreed(&program([wait(), [vec![Op::Notify], set_predicate()].concat()]));
    assert!(reachable.endings.contains(&Ending::Deadlock));
    assert_eq!(reachable.outcomes(), 1, "if the change comes first, nobody sleeps");
    assert!(explored.endings.contains(&Ending::Deadlock));
}

#[test]
fn a_cell_races_unless_something_orders_it() {
    let write = Op::WriteCell { cell: 0, value: 1 };
    let read = Op::ReadCell { cell: 0, into: 1 };
    let has_race = |program: Program| {
        let (reachable, explored) = agreed(&program);
        let race = reachable.endings.contains(&Ending::Race);
        assert_eq!(race, explored.endings.contains(&Ending::Race), "{program}");
        race
    };
    assert!(has_race(program([vec![write], vec![read]])));
    assert!(has_race(program([vec![write], vec![write]])));
    assert!(!has_race(program([vec![read], vec![read]])));
    assert!(!has_race(program([section(0, [write]), section(0, [read])])));
    assert!(has_race(program([section(0, [write]), section(1, [read])])));
    assert!(has_race(program([section(0, [write]), vec![read]])));

    // Handed over through a word: read only if the flag was seen.
    let mut handed_over = program([vec![write, add_one(0)], vec![add_one(0), read]]);
    assert!(has_race(handed_over.clone()));
    handed_over.threads[1][1].when = Some(Condition { register: 0, odd: true });
    assert!(!has_race(handed_over.clone()));
    handed_over.threads[1][1].when = Some(Condition { register: 0, odd: false });
    assert!(has_race(handed_over));
}

/// The minimal case of what loom loses (issues 166 and 392).
fn minimal_loss() -> Program {
    program([vec![load(0)], vec![Op::Load { word: 0, acquire: false, into: 0 }, store(0)]])
}

#[test]
fn loom_loses_a_load_that_another_load_hides() {
    let both = Comparison::of(&minimal_loss(), PLAIN).expect("it is small");
    assert_eq!(both.explored.executions, 1);
    assert!(both.explored.complete, "and loom says that this is all");
    assert_eq!(first_registers(&both.explored.endings), [[0, 0]].into());
    assert_eq!(first_registers(&both.lost()), [[1, 0]].into());
}

#[test]
fn without_the_load_in_the_way_loom_finds_both() {
    let both = Comparison::of(&program([vec![load(0)], vec![store(0)]]), PLAIN).expect("it is small");
    assert_eq!(first_registers(&both.explored.endings), [[0, 0], [1, 0]].into());
    assert_eq!(both.lost(), BTreeSet::new());
}

#[test]
fn loom_loses_nothing_if_the_load_is_a_read_modify_write() {
    let both = Comparison::of(&minimal_loss().without_loads(), PLAIN).expect("it is small");
    assert_eq!(both.lost(), BTreeSet::new());
    assert!(both.explored.executions > 1);
}

#[test]
fn a_loss_shrinks_to_the_minimal_case() {
    let mut large = minimal_loss();
    large.joined = true;
    let elsewhere = Op::Rmw { word: 1, rmw: Rmw::Add, operand: 1, into: 1 };
    large.threads[0].splice(0..0, section(0, [elsewhere]).into_iter().map(Step::from));
    large.threads[1].push(Op::Notify.into());
    large.threads.push(vec![add_one(1).into()]);
    let loses = |program: &Program| Comparison::of(program, PLAIN).is_ok_and(|both| !both.lost().is_empty());
    assert!(loses(&large), "{large}");
    assert_eq!(shrink(&large, loses), minimal_loss());
}

#[test]
fn the_vocabulary_has_no_loads() {
    let refused = explore(&minimal_loss(), VOCABULARY);
    assert!(matches!(refused, Err(Failure::Panicked(said)) if said.contains("no loads")));
}

#[test]
fn a_large_program_is_refused_and_not_cut_short() {
    let program = program([vec![add_one(0)], vec![add_one(0)], vec![add_one(0)]]);
    let needed = explore(&program, VOCABULARY).expect("it is small").executions;
    assert!(explore(&program, Setup { limit: needed, ..VOCABULARY }).is_ok());
    assert!(matches!(explore(&program, Setup { limit: needed - 1, ..VOCABULARY }), Err(Failure::TooLarge)));
}

#[test]
fn the_brute_force_forgets_no_thread_that_waits() {
    // Nobody notifies, nobody changes: the only ending.
    let reachable = brute::search(&program([wait(), section(0, [])]));
    assert_eq!(reachable.endings, [Ending::Deadlock].into());
}
