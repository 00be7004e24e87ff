//! Bytes to requests: RESP2 arrays of bulk strings.
//!
//! A client is trusted in nothing: only a flat array within the limits is admitted, no bytes wait for a length that could not
//! be, and what ends a bulk string is looked at.

use std::ops::Range;

use smallvec::SmallVec;
use thiserror::Error;

use crate::limits;

/// Why a connection cannot go on: where the next request would begin is unknown.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    #[error("expected '{expected}', got '{got}'", expected = char::from(*.0), got = .1.escape_ascii())]
    Unexpected(u8, u8),
    #[error("invalid multibulk length")]
    ArrayLength,
    #[error("invalid bulk length")]
    BulkLength,
    #[error("too big request")]
    RequestSize,
    #[error("unterminated bulk string")]
    Unterminated,
}

/// Walks over the head of the input, so that what has been looked at is not looked at again.
#[derive(Debug, Default)]
pub struct Framer {
    /// Everything before this has been found well-formed.
    checked: usize,
    /// Arguments that are still to come, once the array's own header has been seen.
    missing: Option<usize>,
    /// Where those are that have come.
    arguments: Vec<Range<usize>>,
}

/// The arguments of one request, within the input. Most requests have few: these cost no allocation.
pub type Arguments<'a> = SmallVec<[&'a [u8]; 4]>;

/// One request, and the length of it all.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    pub arguments: Arguments<'a>,
    pub length: usize,
}

impl Framer {
    /// The request at the head of `input`, if it is complete. Until then call it again with more behind the
    /// same bytes; after that with what follows the request.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<Option<Request<'a>>, ProtocolError> {
        if !self.check(input)? {
            return Ok(None);
        }
        self.missing = None;
        let arguments = self.arguments.drain(..).map(|range| &input[range]).collect();
        Ok(Some(Request { arguments, length: std::mem::take(&mut self.checked) }))
    }

    /// Whether the request at the head of `input` is complete.
    fn check(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        if self.missing.is_none() {
            let Some((count, end)) = header(input, 0, b'*', ProtocolError::ArrayLength)? else {
                return Ok(false);
            };
            if count > limits::ARGUMENTS as i64 {
                return Err(ProtocolError::ArrayLength);
            }
            // `*-1`, the array that is none, asks for as little as an empty one.
            self.missing = Some(usize::try_from(count).unwrap_or(0));
            self.checked = end;
        }
        while let Some(missing) = self.missing.filter(|missing| *missing > 0) {
            let Some((length, start)) = header(input, self.checked, b'$', ProtocolError::BulkLength)? else {
                return Ok(false);
            };
            let length = usize::try_from(length).ok().filter(|length| *length <= limits::OBJECT);
            let end = start + length.ok_or(ProtocolError::BulkLength)?;
            if end > limits::REQUEST {
                return Err(ProtocolError::RequestSize);
            }
            match input.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::Unterminated),
                None => return Ok(false),
            }
            self.arguments.push(start..end);
            self.checked = end + 2;
            self.missing = Some(missing - 1);
        }
        Ok(true)
    }
}

/// The number in the header line at `at`, and where the line ends, once it is complete.
fn header(
    input: &[u8],
    at: usize,
    kind: u8,
    invalid: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    /// Sign, digits and line end of any number within the limits, with room to spare.
    const LONGEST: usize = 16;
    let Some((&first, rest)) = input.get(at..).and_then(<[u8]>::split_first) else {
        return Ok(None);
    };
    if first != kind {
        return Err(ProtocolError::Unexpected(kind, first));
    }
    let Some(digits) = rest.iter().take(LONGEST).position(|byte| *byte == b'\r') else {
        return if rest.len() < LONGEST { Ok(None) } else { Err(invalid) };
    };
    match rest.get(digits + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err(invalid),
    }
    number(&rest[..digits]).map(|number| Some((number, at + 1 + digits + 2))).ok_or(invalid)
}

/// Of so few digits that it cannot overflow.
fn number(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let shift = |number, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'));
    if digits.is_empty() { None } else { digits.iter().try_fold(0, shift).map(|number| sign * number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Result<Option<Request<'_>>, ProtocolError> {
        Framer::default().next(input)
    }

    #[test]
    fn a_request_at_any_cut() {
        let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*1\r\n";
        let whole = input.len() - 4;
        let mut framer = Framer::default();
        for cut in 0..whole {
            assert_eq!(framer.next(&input[..cut]), Ok(None), "cut at {cut}");
        }
        let request = framer.next(input).unwrap().unwrap();
        assert_eq!(request.length, whole);
        assert_eq!(request.arguments[..], [&b"SET"[..], b"k", b"a\r\nb"]);
        assert_eq!(framer.next(&input[whole..]), Ok(None), "starts afresh");
    }

    #[test]
    fn nothing_asked() {
        for input in [&b"*0\r\n"[..], b"*-1\r\n"] {
            assert_eq!(all(input), Ok(Some(Request { arguments: Arguments::new(), length: input.len() })));
        }
    }

    #[test]
    fn refused_before_it_is_complete() {
        use ProtocolError::*;
        let cases: [(&[u8], ProtocolError); 14] = [
            (b"GET key\r\n", Unexpected(b'*', b'G')),
            (b"\x00", Unexpected(b'*', 0)),
            (b"*1\r\n*1\r\n*1\r\n", Unexpected(b'$', b'*')),
            (b"*2\r\n:1\r\n", Unexpected(b'$', b':')),
            (b"*65537\r\n", ArrayLength),
            (b"*99999999999999999999999", ArrayLength),
            (b"*x\r\n", ArrayLength),
            (b"*\r\n", ArrayLength),
            (b"*-\r\n", ArrayLength),
            (b"*1\r\n$+3\r\nabc\r\n", BulkLength),
            (b"*1\r\n$67108865\r\n", BulkLength),
            (b"*1\r\n$-1\r\n", BulkLength),
            (b"*1\r\n$3\rXabc\r\n", BulkLength),
            (b"*1\r\n$3\r\nabcXY", Unterminated),
        ];
        for (input, error) in cases {
            assert_eq!(all(input), Err(error), "{}", input.escape_ascii());
        }
        let two_full =
            [&b"*3\r\n$3\r\nSET\r\n$67108864\r\n"[..], &vec![0; 64 << 20], b"\r\n$2000000\r\n"].concat();
        assert_eq!(all(&two_full), Err(RequestSize));
    }
}
