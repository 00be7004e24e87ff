//! A connection's input buffer: grows with what arrives, not with what is announced.

use std::io::{self, Read};

/// What it begins with, and returns to.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Default)]
pub struct Input {
    /// `bytes[start..end]` has been read and not yet consumed; behind it is room.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// Reads once. Zero means that the client sends no more.
    pub fn read_from(&mut self, mut source: impl Read) -> io::Result<usize> {
        self.make_room();
        loop {
            match source.read(&mut self.bytes[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let read = result?;
                    self.end += read;
                    return Ok(read);
                }
            }
        }
    }

    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub fn consume(&mut self, length: usize) {
        self.start += length;
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > 16 * CHUNK {
                self.bytes = Vec::new();
            }
        }
        if self.end < self.bytes.len() {
            return;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < CHUNK / 2 {
            self.bytes.resize((2 * self.bytes.len()).max(CHUNK), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_unread_and_shrinks_when_all_is() {
        let sent: Vec<u8> = (0..3 << 20).map(|number: u32| number as u8).collect();
        let (mut source, mut input, mut got) = (&sent[..], Input::default(), Vec::new());
        while input.read_from(&mut source).unwrap() > 0 {
            let odd = (input.unread().len() / 2) | 1;
            got.extend_from_slice(&input.unread()[..odd]);
            input.consume(odd);
        }
        got.extend_from_slice(input.unread());
        assert_eq!(got, sent);

        let mut input = Input::default();
        let mut source = &sent[..];
        while input.read_from(&mut source).unwrap() > 0 {}
        assert!(input.unread() == sent && input.bytes.len() >= sent.len());
        input.consume(sent.len());
        assert_eq!(input.read_from(&b"x"[..]).unwrap(), 1);
        assert_eq!((input.unread(), input.bytes.len()), (&b"x"[..], CHUNK));
    }
}
