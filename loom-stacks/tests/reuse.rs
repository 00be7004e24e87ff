//! That stacks are handed out again, and that they are good ones.

#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

use std::ptr;

use loom::sync::atomic::{AtomicUsize, Ordering};

const STACK: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
const LENGTH: usize = 1 << 20;

fn map(length: usize, flags: libc::c_int) -> *mut libc::c_void {
    // SAFETY: a new mapping, anywhere.
    let mapped =
        unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(mapped, libc::MAP_FAILED);
    mapped
}

fn unmap(mapped: *mut libc::c_void, length: usize) {
    // SAFETY: nobody looks at it again.
    assert_eq!(unsafe { libc::munmap(mapped, length) }, 0);
}

/// The whole of it, in one test: the count belongs to the process.
#[test]
fn stacks_are_reused_and_nothing_else_is() {
    let mut executions = 0;
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = count.clone();
    loom::model(move || {
        let word = loom::sync::Arc::new(AtomicUsize::new(0));
        let other = word.clone();
        let thread = loom::thread::spawn(move || other.fetch_add(1, Ordering::AcqRel));
        word.fetch_add(1, Ordering::AcqRel);
        thread.join().unwrap();
        assert_eq!(word.fetch_add(0, Ordering::AcqRel), 2);
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    executions += count.load(std::sync::atomic::Ordering::Relaxed);
    assert!(executions > 1);
    // All but those of the first.
    assert_eq!(keylane_loom_stacks::reused(), 2 * (executions - 1));

    let before = keylane_loom_stacks::reused();
    let first = map(LENGTH, STACK);
    let second = map(LENGTH, STACK);
    assert_ne!(first, second);
    unmap(first, LENGTH);
    let other = map(2 * LENGTH, STACK);
    let again = map(LENGTH, STACK);
    assert_eq!(again, first, "the same length: the same stack");
    assert_ne!(other, first, "another length");
    assert_eq!(keylane_loom_stacks::reused(), before + 1);

    // Not a stack: gone when it is unmapped, so that a stack does not get it.
    let plain = map(3 * LENGTH, STACK & !libc::MAP_STACK);
    unmap(plain, 3 * LENGTH);
    // Half a stack: gone, and never handed out as a whole.
    unmap(second, LENGTH / 2);
    let third = map(LENGTH, STACK);
    assert_ne!(third, second);
    map(3 * LENGTH, STACK);
    assert_eq!(keylane_loom_stacks::reused(), before + 1);
}
