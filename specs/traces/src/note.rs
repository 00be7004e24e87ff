//! What the code has written down, as text that another build of it could have written too.

use std::collections::HashMap;

/// One step: an atomic operation, a critical section, or what a callback of the test's own has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who has taken it.
    pub thread: u64,
    /// Where.
    pub at: usize,
    /// Which function.
    pub what: &'static str,
    /// What came of it.
    pub value: u64,
}

impl From<keylane::trace::Note> for Note {
    fn from(note: keylane::trace::Note) -> Self {
        let keylane::trace::Note { thread, at, what, value } = note;
        Self { thread, at, what, value }
    }
}

/// Notes in the order in which they were taken, by whichever thread.
#[derive(Debug)]
pub struct Story {
    notes: Vec<Note>,
    /// By note: the next one of its thread.
    next: Vec<Option<usize>>,
}

impl Story {
    /// From what was recorded.
    pub fn new<N: Into<Note>>(notes: impl IntoIterator<Item = N>) -> Self {
        let notes: Vec<Note> = notes.into_iter().map(Into::into).collect();
        let mut next = vec![None; notes.len()];
        let mut last = HashMap::new();
        for (at, note) in notes.iter().enumerate() {
            if let Some(before) = last.insert(note.thread, at) {
                next[before] = Some(at);
            }
        }
        Self { notes, next }
    }

    /// All of them, each with what its thread did next.
    pub fn notes(&self) -> impl Iterator<Item = (Note, Then<'_>)> {
        self.notes.iter().enumerate().map(|(at, &note)| (note, Then { story: self, at }))
    }

    /// The same without what a thread did after it had said that it "joins" the others: it shuts down once more, to take back what
    /// is left. The others may still come to their end.
    pub fn until_joined(&self) -> impl Iterator<Item = (Note, Then<'_>)> {
        let mut joins = None;
        self.notes().filter(move |(note, _)| {
            if note.what == "joins" {
                joins = Some(note.thread);
            }
            joins != Some(note.thread)
        })
    }
}

/// What a thread did after a note.
#[derive(Clone, Copy, Debug)]
pub struct Then<'a> {
    story: &'a Story,
    at: usize,
}

impl Iterator for Then<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.at = self.story.next[self.at]?;
        Some(self.story.notes[self.at])
    }
}
