//! Keeps the stacks of loom's threads for the next execution.
//!
//! loom runs each thread of each execution on a stack of its own, which the `generator` crate maps, guards with one
//! page and unmaps again: three system calls and some page faults for a thread whose life is a few hundred
//! instructions. In keylane's models that was half of a search's time, and in several threads of one process more, as
//! they all wait for one lock on the address space. Neither crate has a knob for it.
//!
//! An executable that links this package has its own `mmap` and `munmap`, which keep what was mapped as a stack when
//! it is unmapped, and hand it out again when a stack of that size is asked for. All else goes to the system. It is for
//! executables that run models, on Linux with glibc (whose own calls, malloc's among them, do not come by here);
//! elsewhere the package is empty, and searches are as slow as loom makes them. Say `use keylane_loom_stacks as _;` in
//! the executable's root.
//!
//! A stack comes back with what the last thread left on it, not with zeros. `generator` initialises what it reads; the
//! guard page is still guarded.

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod interpose;

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
pub use interpose::reused;

/// How many stacks were handed out again, so far, in this process: here none ever.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
pub fn reused() -> u64 {
    0
}
