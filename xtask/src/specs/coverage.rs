//! How often each action was taken: one that never was makes a model say less than it seems to.

use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with TLC's figures. Of an action over an empty set it says nothing: that one is never taken either.
pub fn fault(output: &str, module: &str, actions: &BTreeSet<&str>, never: &[String]) -> Option<String> {
    let taken = taken(output, module);
    let is_taken = |name: &str| taken.get(name).is_some_and(|&times| times > 0);
    let idle = actions.iter().filter(|name| !is_taken(name) && !never.iter().any(|other| other == *name));
    let idle: Vec<_> = idle.copied().collect();
    if !idle.is_empty() {
        return Some(format!("never taken: {}", idle.join(", ")));
    }
    let busy = never.iter().filter(|name| is_taken(name) || !actions.contains(name.as_str()));
    let busy: Vec<_> = busy.map(String::as_str).collect();
    (!busy.is_empty()).then(|| format!("taken after all, or no action: {}", busy.join(", ")))
}

/// "<Push line 73, col 1 to line 73, col 7 of module Inbox>: 96:156". The second figure says how often it was taken, the
/// first how many states that found. An action that begins with definitions says where its body is, before the ">". What
/// counts is what was said last; an action with several lines has their sum.
fn taken(output: &str, module: &str) -> BTreeMap<String, u64> {
    let mut taken = BTreeMap::new();
    let of = format!(" of module {module}");
    let from = output.rfind("The coverage statistics").unwrap_or(output.len());
    for line in output[from..].lines().filter_map(|line| line.strip_prefix('<')) {
        let (Some((place, figures)), Some(name)) = (line.split_once(">: "), line.split(' ').next()) else {
            continue;
        };
        let place = place.split_once(" (").map_or(place, |(place, _)| place);
        let times = figures.split_once(':').and_then(|(_, times)| times.trim().parse::<u64>().ok());
        if let (Some(times), true) = (times, place.ends_with(&of)) {
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
        <Take line 120, col 1 to line 120, col 4 of module Inbox (124 5 128 69)>: 3:4\n\
        <Close line 130, col 1 to line 130, col 5 of module Inbox (134 5 138 69)>: 0:0\n\
        <Types line 41, col 1 to line 41, col 6 of module Inbox>\n\
        <Other line 41, col 1 to line 41, col 6 of module Abstract>: 0:0\n";

    #[test]
    fn an_action_that_is_never_taken_is_a_fault() {
        // Of `Other` TLC has nothing to say here.
        let actions = BTreeSet::from(["Close", "Other", "Push", "Take", "Wait"]);
        let fault = |output, never: &[&str]| {
            let never: Vec<_> = never.iter().map(|&name| name.to_owned()).collect();
            super::fault(output, "Inbox", &actions, &never)
        };
        assert_eq!(fault(OUTPUT, &[]).unwrap(), "never taken: Close, Other, Wait");
        let idle = ["Close", "Other", "Wait"];
        assert_eq!(fault(OUTPUT, &idle), None);
        let more = ["Close", "Other", "Wait", "Take"];
        assert_eq!(fault(OUTPUT, &more).unwrap(), "taken after all, or no action: Take");
        let unknown = ["Close", "Other", "Wait", "Walk"];
        assert_eq!(fault(OUTPUT, &unknown).unwrap(), "taken after all, or no action: Walk");
        assert!(fault("", &idle).is_some());
    }
}
