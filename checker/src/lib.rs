//! Does loom, as keylane configures it, lose executions? Random programs in keylane's vocabulary are run under loom
//! and by brute force, and the two sets of outcomes are compared.
//!
//! loom 0.7 is known to lose executions of programs with plain atomic loads. keylane's vocabulary (`src/sync`) has
//! none, and the argument there is that nothing is lost then. This package tries to refute it. The same comparison
//! with loads allowed is the control: it must find losses.
//!
//! What is compared, and what it does not cover: `docs/the-checker-checked.md`.

#![forbid(unsafe_code)]

pub mod brute;
pub mod compare;
pub mod explore;
pub mod generate;
pub mod program;
pub mod shrink;
pub mod study;
