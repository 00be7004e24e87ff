//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::workloads::Size;

/// keylane beside its peers, on the same work in the same run.
///
/// Times decide nothing about the exit code: a target that is missed is told, and is no error.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
pub struct Options {
    /// A tenth of the work: to see that all runs, not to compare
    #[arg(long)]
    pub quick: bool,

    /// Writes the findings, all samples included, for programs
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes the findings as a page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Only what has this in its name; may be given several times
    #[arg(long, value_name = "SUBSTRING")]
    pub only: Vec<String>,

    /// How often each contender has its turn
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,

    /// Says what there is, and runs nothing
    #[arg(long)]
    pub list: bool,
}

impl Options {
    /// How much work a question is.
    pub fn size(&self) -> Size {
        if self.quick { Size::Quick } else { Size::Full }
    }

    /// Whether what is called so is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Options;

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn any_of_several_names_will_do() {
        let options = Options::parse_from(["bench", "--only", "W1/", "--only", "64 B"]);
        assert!(options.wants("W1/x") && options.wants("W2/64 B") && !options.wants("W2/x"));
        assert!(Options::parse_from(["bench"]).wants("W2/x"));
        assert!(Options::try_parse_from(["bench", "--rounds", "0"]).is_err());
    }
}
