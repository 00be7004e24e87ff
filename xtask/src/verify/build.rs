//! Builds test executables, and says where they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Where each test executable is: by package and target, as in `keylane-loom/models`.
#[derive(Debug)]
pub struct Executables(BTreeMap<String, Executable>);

/// A test executable and where it wants to be run.
#[derive(Clone, Debug)]
pub struct Executable {
    path: PathBuf,
    /// Cargo runs tests in their package's folder.
    folder: PathBuf,
}

impl Executable {
    /// A command for it, with nothing in its environment that could cut a search short.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).env("RUST_BACKTRACE", "0").env("KEYLANE_REPORT", "1");
        for budget in ["LOOM_MAX_PERMUTATIONS", "LOOM_MAX_DURATION", "LOOM_MAX_PREEMPTIONS"] {
            command.env_remove(budget);
        }
        command
    }
}

impl Executables {
    /// The executable called `name`.
    pub fn get(&self, name: &str) -> Result<&Executable> {
        self.0.get(name).with_context(|| format!("cargo built no test {name}; it built {:?}", self.0.keys()))
    }
}

/// The program that runs us, so that it is the same toolchain.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds the tests of `packages` in the workspace at `workspace`.
pub fn tests(workspace: &Path, target: &Path, packages: &[&str]) -> Result<Executables> {
    let mut command = cargo();
    command.current_dir(workspace).args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
    command.arg("--target-dir").arg(target);
    packages.iter().for_each(|package| {
        command.args(["-p", package]);
    });
    let output = command.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    if !output.status.success() {
        bail!("the tests do not build");
    }
    let mut found = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).context("cargo speaks JSON")?;
        let (Some(path), Some(manifest)) =
            (message["executable"].as_str(), message["manifest_path"].as_str())
        else {
            continue;
        };
        let folder = Path::new(manifest).parent().expect("a manifest is in a folder").to_owned();
        let package = package_of(message["package_id"].as_str().unwrap_or_default());
        let target = message["target"]["name"].as_str().unwrap_or_default();
        found.insert(format!("{package}/{target}"), Executable { path: path.into(), folder });
    }
    ensure!(!found.is_empty(), "cargo built no tests");
    Ok(Executables(found))
}

/// `keylane-loom` of `path+file:///somewhere/loom-tests#keylane-loom@0.1.0`; of `...keylane#0.1.0`, `keylane`.
fn package_of(id: &str) -> &str {
    let (url, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        // The name is left out where it is the folder's; the root package's folder may be called anything.
        None if fragment.starts_with(|c: char| c.is_ascii_digit()) => url.rsplit('/').next().unwrap_or(url),
        None => fragment,
    }
}
