//! `mmap` and `munmap`, as this process sees them.

use std::ptr;
use std::sync::{Mutex, PoisonError};

use libc::{MAP_FAILED, MAP_PRIVATE, MAP_STACK, PROT_READ, PROT_WRITE, c_int, c_void, off_t, size_t};

/// More than the threads of all executions that are going on in one process; a stack beyond these is unmapped as ever.
const SLOTS: usize = 64;

/// A mapping that was asked for as a stack, by address and length in bytes. It is in use, or spare: unmapped by who
/// had it, and by nobody else.
#[derive(Clone, Copy)]
struct Stack {
    address: usize,
    length: usize,
    spare: bool,
}

struct Stacks {
    slots: [Option<Stack>; SLOTS],
    reused: u64,
}

// Not allocated, as allocators map memory too.
static STACKS: Mutex<Stacks> = Mutex::new(Stacks { slots: [None; SLOTS], reused: 0 });

fn with<R>(f: impl FnOnce(&mut Stacks) -> R) -> R {
    f(&mut STACKS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Stacks {
    fn reuse(&mut self, length: usize) -> Option<usize> {
        let mut stacks = self.slots.iter_mut().flatten();
        let stack = stacks.find(|stack| stack.spare && stack.length == length)?;
        stack.spare = false;
        self.reused += 1;
        Some(stack.address)
    }

    fn remember(&mut self, address: usize, length: usize) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(Stack { address, length, spare: false });
        }
    }

    /// Keeps what is to be unmapped, if it is a stack and the whole of it.
    fn keep(&mut self, address: usize, length: usize) -> bool {
        for slot in &mut self.slots {
            let Some(stack) = slot else { continue };
            if stack.address == address && stack.length == length && !stack.spare {
                stack.spare = true;
                return true;
            }
            if stack.address < address + length && address < stack.address + stack.length {
                // A part of it goes: what is left is nobody's stack.
                *slot = None;
            }
        }
        false
    }
}

/// How many stacks were handed out again, so far, in this process.
pub fn reused() -> u64 {
    with(|stacks| stacks.reused)
}

/// See mmap(2). A stack that was given back is handed out again.
///
/// # Safety
///
/// As for mmap(2).
// SAFETY: the one symbol of this name in the executable, with the signature and the meaning that libc's has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> *mut c_void {
    let private = MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_STACK;
    let is_stack =
        address.is_null() && flags == private && protection == PROT_READ | PROT_WRITE && file == -1;
    if is_stack && let Some(address) = with(|stacks| stacks.reuse(length)) {
        return ptr::with_exposed_provenance_mut(address);
    }
    // SAFETY: the caller's own call, and the caller answers for it.
    let mapped =
        unsafe { libc::syscall(libc::SYS_mmap, address, length, protection, flags, file, offset) } as usize;
    if is_stack && mapped != MAP_FAILED.addr() {
        with(|stacks| stacks.remember(mapped, length));
    }
    ptr::with_exposed_provenance_mut(mapped)
}

/// See munmap(2). A stack is kept, whole and mapped, for the next who asks for one.
///
/// # Safety
///
/// As for munmap(2).
// SAFETY: the one symbol of this name in the executable; who unmaps a stack never looks at it again, so that it may
// belong to the next who maps one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: size_t) -> c_int {
    if with(|stacks| stacks.keep(address.expose_provenance(), length)) {
        return 0;
    }
    // SAFETY: the caller's own call, and the caller answers for it.
    unsafe { libc::syscall(libc::SYS_munmap, address, length) as c_int }
}
