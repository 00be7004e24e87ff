//! Live progress: a bar on a terminal, a line a second elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

pub struct Progress {
    bar: Option<ProgressBar>,
    total: Duration,
    /// Seconds and operations when the last line was printed.
    last: Cell<(u64, u64)>,
}

impl Progress {
    pub fn start(total: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {bar:32.cyan/dim} {msg}")
                .expect("the template is well-formed")
                .progress_chars("━━─");
            ProgressBar::new(total.as_millis() as u64).with_style(style)
        });
        Self { bar, total, last: Cell::default() }
    }

    /// `ops` is how many there have been in all.
    pub fn show(&self, elapsed: Duration, ops: u64) {
        let (second, before) = self.last.get();
        let rate = HumanCount((ops as f64 / elapsed.as_secs_f64().max(f64::EPSILON)) as u64);
        if let Some(bar) = &self.bar {
            bar.set_position(elapsed.min(self.total).as_millis() as u64);
            bar.set_message(format!("{} ops, {rate} per second", HumanCount(ops)));
        } else if elapsed.as_secs() > second {
            eprintln!("  {} s: {} ops more", elapsed.as_secs(), HumanCount(ops - before));
            self.last.set((elapsed.as_secs(), ops));
        }
    }

    pub fn finish(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("  {message}");
    }
}
