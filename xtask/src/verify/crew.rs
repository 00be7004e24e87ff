//! Several jobs at a time, the costliest first, with a live view of what is going on.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a log is told how far the jobs are.
const EVERY: Duration = Duration::from_secs(20);

/// Runs jobs on a number of threads.
#[derive(Debug)]
pub struct Crew {
    size: usize,
    view: MultiProgress,
}

impl Crew {
    /// So many at a time.
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), view: MultiProgress::new() }
    }

    /// Says something above the bars.
    pub fn say(&self, line: impl AsRef<str>) {
        // Where nobody watches there are no bars, and the view would swallow the line.
        if self.view.println(line.as_ref()).is_err() || self.view.is_hidden() {
            println!("{}", line.as_ref());
        }
    }

    /// Does `work` on each of `jobs`, which are given costliest first; results come in the order of the jobs.
    pub fn run<J: Send + Sync, R: Send>(
        &self,
        title: &str,
        jobs: &[J],
        name: impl Fn(&J) -> &str + Sync,
        work: impl Fn(&J) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let queue = Mutex::new((0..jobs.len()).collect::<VecDeque<_>>());
        let done: Vec<Mutex<Option<Result<R>>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
        // Where nobody watches a line now and then says that it goes on.
        let told = Mutex::new(Instant::now());
        let total = self.view.add(ProgressBar::new(jobs.len() as u64));
        total.set_style(style("{prefix:>10} [{bar:32}] {pos}/{len} {elapsed_precise}"));
        total.set_prefix(title.to_owned());
        total.enable_steady_tick(Duration::from_millis(200));
        thread::scope(|scope| {
            for _ in 0..self.size.min(jobs.len()) {
                scope.spawn(|| {
                    let bar = self.view.add(ProgressBar::new_spinner());
                    bar.set_style(style("           {spinner} {msg} {elapsed}"));
                    bar.enable_steady_tick(Duration::from_millis(200));
                    loop {
                        let Some(next) = queue.lock().expect("no job panics here").pop_front() else {
                            break;
                        };
                        bar.reset_elapsed();
                        bar.set_message(name(&jobs[next]).to_owned());
                        let result = work(&jobs[next]);
                        *done[next].lock().expect("no job panics here") = Some(result);
                        total.inc(1);
                        let mut told = told.lock().expect("no job panics here");
                        if self.view.is_hidden() && told.elapsed() > EVERY {
                            println!("{title}: {} of {} done", total.position(), jobs.len());
                            *told = Instant::now();
                        }
                    }
                    bar.finish_and_clear();
                });
            }
        });
        total.finish_and_clear();
        done.into_iter()
            .map(|slot| slot.into_inner().expect("no job panics here").expect("every job was done"))
            .collect()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("=> ")
}
