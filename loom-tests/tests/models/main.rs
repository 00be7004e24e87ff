//! keylane's models. `cargo test -p keylane-loom` runs them all; the README beside this package says what they are.
//!
//! They are data first: a list of [`Model`]s, some of them made from a table, which libtest-mimic runs as tests.
//! `--describe` prints the list as JSON, one model on each line.

extern crate keylane_loom as keylane;
// Half of a search's time.
use keylane_loom_stacks as _;

mod baton;
mod bell;
mod dispatch_events;
mod dispatch_fast;
mod dispatch_local;
mod dispatch_looks;
mod dispatch_shutdown;
mod dispatch_throttle;
mod gate;
mod harness;
mod history;
mod inbox;
mod lane;
mod museum;
mod pairs;
mod pool_commits;
mod pool_control;
mod pool_front;
mod pool_help;
mod pool_key;
mod pool_later;
mod pool_together;
mod pool_watch;
mod testing;
mod throttle;
mod watch;
mod whole;

use harness::Model;
use libtest_mimic::{Arguments, Trial};

fn models() -> Vec<Model> {
    [
        bell::models(),
        lane::models(),
        inbox::models(),
        baton::models(),
        dispatch_events::models(),
        dispatch_fast::models(),
        dispatch_local::models(),
        dispatch_looks::models(),
        dispatch_shutdown::models(),
        dispatch_throttle::models(),
        pool_key::models(),
        pool_front::models(),
        pool_later::models(),
        pool_commits::models(),
        pool_control::models(),
        throttle::models(),
        gate::models(),
        watch::models(),
        pool_watch::models(),
        pool_help::models(),
        pool_together::models(),
        testing::models(),
        whole::models(),
        museum::models(),
        pairs::models(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--describe") {
        return models().iter().for_each(|model| println!("{}", model.to_json()));
    }
    let explored = models().into_iter().map(|model| {
        Trial::test(model.name().to_owned(), move || {
            model.check();
            Ok(())
        })
    });
    let table = Trial::test("every_operation_has_its_row", || {
        pairs::every_operation_has_its_row()?;
        Ok(pairs::the_twins_judge()?)
    });
    libtest_mimic::run(&Arguments::from_args(), explored.chain([table]).collect()).exit();
}
