//! How often each action was taken: one that never was makes a model say less than it seems to.

use std::collections::BTreeMap;

/// What is wrong with TLC's figures.
pub fn fault(output: &str, module: &str, never: &[String]) -> Option<String> {
    let taken = taken(output, module);
    if taken.is_empty() {
        return Some("says nothing of its actions".to_owned());
    }
    let idle = taken.iter().filter(|&(name, &times)| times == 0 && !never.contains(name));
    let idle: Vec<_> = idle.map(|(name, _)| name.as_str()).collect();
    if !idle.is_empty() {
        return Some(format!("never taken: {}", idle.join(", ")));
    }
    let busy = never.iter().filter(|name| taken.get(*name) != Some(&0));
    let busy: Vec<_> = busy.map(String::as_str).collect();
    (!busy.is_empty()).then(|| format!("taken after all, or no action: {}", busy.join(", ")))
}

/// "<Push line 73, col 1 to line 73, col 7 of module Inbox>: 96:156". The second figure says how often it was taken, the
/// first how many states that found. The last word of an action counts; an action that is named twice counts once.
fn taken(output: &str, module: &str) -> BTreeMap<String, u64> {
    let mut taken = BTreeMap::new();
    let end = format!(" of module {module}>: ");
    let from = output.rfind("The coverage statistics").unwrap_or(output.len());
    for line in output[from..].lines().filter_map(|line| line.strip_prefix('<')) {
        let (Some((place, figures)), Some(name)) = (line.split_once(&end), line.split(' ').next()) else {
            continue;
        };
        let times = figures.split_once(':').and_then(|(_, times)| times.trim().parse::<u64>().ok());
        if let (Some(times), true, true) = (times, name != "Init", place.contains(" line ")) {
            *taken.entry(name.to_owned()).or_insert(0) += times;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "The coverage statistics at 2026-11-23\n\
        <Init line 50, col 1 to line 50, col 4 of module Inbox>: 1:1\n\
        <Push line 69, col 1 to line 69, col 7 of module Inbox>: 0:156\n\
        <Wait line 114, col 1 to line 114, col 4 of module Inbox>: 0:0\n\
        <TypeOK line 41, col 1 to line 41, col 6 of module Inbox>\n\
        <Other line 41, col 1 to line 41, col 6 of module Abstract>: 0:0\n";

    #[test]
    fn an_action_that_is_never_taken_is_a_fault() {
        assert_eq!(fault(OUTPUT, "Inbox", &[]).unwrap(), "never taken: Wait");
        assert_eq!(fault(OUTPUT, "Inbox", &["Wait".to_owned()]), None);
        let both = ["Wait".to_owned(), "Push".to_owned()];
        assert_eq!(fault(OUTPUT, "Inbox", &both).unwrap(), "taken after all, or no action: Push");
        assert!(fault("", "Inbox", &[]).is_some());
    }
}
