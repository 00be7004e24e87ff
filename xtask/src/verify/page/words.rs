//! Figures, times, marked-up words and diffs, as the page writes them.

use std::fmt::Display;
use std::time::{SystemTime, UNIX_EPOCH};

use maud::{Markup, html};

use crate::verify::findings::Verdict;

/// A whole number with its thousands apart.
pub fn number(number: impl Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 model`, `2 models`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{} {one}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A duration, as exact as somebody wants it who has waited for it.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.2} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", number(whole / 3600), whole % 3600 / 60),
    }
}

/// A day and a time of it in UTC, which readers elsewhere understand as well.
pub fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut days, mut year, mut month) = (seconds / 86_400, 1970, 0);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let minutes = seconds % 86_400 / 60;
    format!("{year}-{:02}-{:02} {:02}:{:02} UTC", month + 1, days + 1, minutes / 60, minutes % 60)
}

/// `passed` or `failed`.
pub fn outcome(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}

/// How something ended: the word says it, the colour repeats it.
pub fn verdict(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Pass => html! { span.good { "pass" } },
        Verdict::Fail => html! { strong.bad { "FAIL" } },
        Verdict::DidNotEnd => html! { strong.bad { "DID NOT END" } },
        Verdict::NotRun => html! { strong.warn { "not run" } },
    }
}

/// How far a model was explored; a bound must catch the eye.
pub fn bound(bound: Option<usize>) -> Markup {
    match bound {
        None => html! { span.quiet { "exhaustive" } },
        Some(bound) => html! { strong.warn { "bounded(" (bound) ")" } },
    }
}

/// Words with `code` and *emphasis* as in the README. A mark without its other half is an ordinary character.
pub fn inline(text: &str) -> Markup {
    html! {
        @for (code, piece) in halves(text, '`') {
            @if code {
                code { (piece) }
            } @else {
                @for (stressed, piece) in halves(piece, '*') {
                    @if stressed { em { (piece) } } @else { (piece) }
                }
            }
        }
    }
}

/// What lies outside of pairs of `mark`, and (true) what lies inside.
fn halves(text: &str, mark: char) -> Vec<(bool, &str)> {
    if text.matches(mark).count() % 2 == 1 {
        return vec![(false, text)];
    }
    text.split(mark).enumerate().map(|(at, piece)| (at % 2 == 1, piece)).collect()
}

/// A unified diff, its signs kept: colour only repeats them.
pub fn diff(text: &str) -> Markup {
    html! {
        pre.diff {
            @for line in text.lines() {
                @match line.as_bytes().first() {
                    _ if line.starts_with("--- ") || line.starts_with("+++ ") => span.file { (line) },
                    Some(b'@') => span.hunk { (line) },
                    Some(b'+') => ins { (line) },
                    Some(b'-') => del { (line) },
                    _ => span { (line) },
                }
                "\n"
            }
        }
    }
}

/// An id for a fragment, of characters that need no escape in a link.
pub fn anchor(kind: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    format!("{kind}-{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{date, diff, duration, inline, number};

    #[test]
    fn figures_are_grouped_and_times_rounded() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.014, 61.2, 7260.0].map(duration), ["0.01 s", "1 min 1 s", "2 h 1 min"]);
    }

    #[test]
    fn a_date_knows_leap_years() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(at(1_767_225_599), "2025-12-31 23:59 UTC");
    }

    #[test]
    fn marks_without_their_other_half_are_characters() {
        assert_eq!(inline("a `b*` *c*").into_string(), "a <code>b*</code> <em>c</em>");
        assert_eq!(inline("2 * 3 < `7").into_string(), "2 * 3 &lt; `7");
    }

    #[test]
    fn a_diff_keeps_its_signs() {
        let shown = diff("--- a/x\n-old<u8>\n+new\n").into_string();
        assert!(shown.contains("<span class=\"file\">--- a/x</span>"), "{shown}");
        assert!(shown.contains("<del>-old&lt;u8&gt;</del>\n<ins>+new</ins>\n"), "{shown}");
    }
}
