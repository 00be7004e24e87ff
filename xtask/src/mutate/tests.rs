//! Tests on snippets, and on the real sources: that is what the engine is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::diff::apply;
use super::find::find_in;
use super::splice::{Choice, splice};
use super::{Mutant, Operator, diff, find, table};

fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository").to_owned()
}

/// All mutants of the real sources.
fn shipped() -> Vec<Mutant> {
    let src = repo().join("src");
    let mut mutants = find(&src).unwrap();
    mutants.extend(table::read(&repo().join("loom-tests/mutants.toml"), &src).unwrap());
    mutants
}

fn choices(mutants: &[Mutant], file: &str) -> Vec<Choice> {
    let edits = mutants.iter().enumerate().flat_map(|(index, mutant)| {
        mutant.edits.iter().filter(|edit| edit.file == file).map(move |edit| (index + 1, edit))
    });
    edits.map(|(number, edit)| Choice { number, span: edit.span.clone(), put: edit.put.clone() }).collect()
}

fn mutants_of(text: &str) -> Vec<Mutant> {
    find_in("lane/snippet.rs", text).unwrap()
}

fn ids(mutants: &[Mutant]) -> Vec<&str> {
    mutants.iter().map(|mutant| mutant.id.as_str()).collect()
}

/// The tokens of `source` as they run while mutant `active` does: choices made, parentheses and braces gone.
fn running(source: &str, active: usize) -> Vec<String> {
    fn flatten(tokens: TokenStream, active: usize, out: &mut Vec<String>) {
        let mut rest: &[TokenTree] = &tokens.into_iter().collect::<Vec<_>>();
        while let Some((token, behind)) = rest.split_first() {
            let path: String = rest.iter().take(8).map(|token| token.to_string()).collect();
            if path.starts_with("ifcrate::mutation::is") {
                let number = rest[8].to_string().trim_matches(['(', ')']).trim().parse::<usize>().unwrap();
                assert_eq!(rest[10].to_string(), "else");
                if number == active {
                    flatten(braced(&rest[9]), active, out);
                    rest = &rest[11..];
                    // What is not chosen: further questions, and the original.
                    while rest[0].to_string() == "if" {
                        rest = &rest[11..];
                    }
                    rest = &rest[1..];
                } else {
                    rest = &rest[11..];
                }
            } else if path.starts_with("crate::mutation::arm") {
                rest = &rest[9..];
            } else {
                match token {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                        out.push("[".to_owned());
                        flatten(group.stream(), active, out);
                        out.push("]".to_owned());
                    }
                    TokenTree::Group(group) => flatten(group.stream(), active, out),
                    other => out.push(other.to_string()),
                }
                rest = behind;
            }
        }
    }
    fn braced(token: &TokenTree) -> TokenStream {
        let TokenTree::Group(group) = token else { panic!("a block, not {token}") };
        group.stream()
    }
    let mut out = Vec::new();
    flatten(source.parse().unwrap(), active, &mut out);
    out
}

#[test]
fn every_shipped_mutant_runs_in_the_copy_as_it_does_alone() {
    let src = repo().join("src");
    let mutants = shipped();
    let files: BTreeSet<&String> =
        mutants.iter().flat_map(|mutant| &mutant.edits).map(|edit| &edit.file).collect();
    let mut spliced = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let copy = splice(&text, choices(&mutants, file)).unwrap().text;
        syn::parse_file(&copy).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(running(&copy, 0), running(&text, 0), "{file} without a mutant");
        spliced.insert(file, copy);
    }
    for (index, mutant) in mutants.iter().enumerate() {
        for (file, alone) in apply(mutant, &src).unwrap() {
            syn::parse_file(&alone).unwrap_or_else(|error| panic!("{}: {error}", mutant.id));
            let copy = running(&spliced[&file], index + 1);
            assert_eq!(copy, running(&alone, 0), "{}", mutant.id);
            let changes = mutant.operator == Operator::Weaken || copy != running(&spliced[&file], 0);
            // A pair of parentheses is all that tells some from the original, and they do not count here.
            assert!(changes || mutant.operator == Operator::NegateCondition, "{}", mutant.id);
        }
        assert!(!diff(mutant, &src).unwrap().is_empty(), "{}", mutant.id);
    }
}

#[test]
fn each_operator_finds_something_in_the_sources() {
    let mutants = shipped();
    for operator in Operator::ALL {
        assert!(mutants.iter().any(|mutant| mutant.operator == operator), "{operator}");
    }
    assert!(mutants.len() > 300, "{}", mutants.len());
}

#[test]
fn nested_and_coinciding_choices_are_one_expression() {
    let text = "fn f(a: bool, n: u32) { if a && n > 0 { g(); } }";
    let mutants = mutants_of(text);
    let expected = [
        "lane/snippet.rs f negate-condition a && n > 0",
        "lane/snippet.rs f swap-operator a && n > 0 -> a || n > 0",
        "lane/snippet.rs f swap-operator n > 0 -> n >= 0",
        "lane/snippet.rs f literal 0 -> 1 in n > 0",
        "lane/snippet.rs f delete-statement g();",
    ];
    assert_eq!(ids(&mutants), expected);
    let spliced = splice(text, choices(&mutants, "lane/snippet.rs")).unwrap();
    syn::parse_file(&spliced.text).unwrap();
    let alone = |number| running(&spliced.text, number).concat();
    assert_eq!(alone(0), "fnfa:bool,n:u32ifa&&n>0g;");
    assert_eq!(alone(1), "fnfa:bool,n:u32if!a&&n>0g;");
    assert_eq!(alone(2), "fnfa:bool,n:u32ifa||n>0g;");
    assert_eq!(alone(3), "fnfa:bool,n:u32ifa&&n>=0g;");
    assert_eq!(alone(4), "fnfa:bool,n:u32ifa&&n>1g;");
    assert_eq!(alone(5), "fnfa:bool,n:u32ifa&&n>0");
}

#[test]
fn overlapping_swaps_are_told_apart() {
    let text = "fn f() { a(); b(); c(); }";
    let mutants = mutants_of(text);
    let spliced = splice(text, choices(&mutants, "lane/snippet.rs")).unwrap();
    syn::parse_file(&spliced.text).unwrap();
    let mut orders: Vec<String> =
        (0..=mutants.len()).map(|number| running(&spliced.text, number).concat()).collect();
    orders.sort();
    assert_eq!(orders, ["fnfa;b;", "fnfa;b;c;", "fnfa;c;", "fnfa;c;b;", "fnfb;a;c;", "fnfb;c;"]);
}

#[test]
fn each_place_is_told_by_its_lines() {
    let text = "fn f() { a(1); b(); }";
    let mutants = mutants_of(text);
    let spliced = splice(text, choices(&mutants, "lane/snippet.rs")).unwrap();
    let lines: Vec<&str> = spliced.text.lines().collect();
    for place in &spliced.places {
        let question = lines[place.alternative.start - 1];
        assert_eq!(
            question.trim_start_matches("else "),
            format!("if crate::mutation::is({}) {{", place.number)
        );
        assert_eq!(lines[place.alternative.end - 2], "}");
        assert!(place.whole.start <= place.alternative.start && place.alternative.end < place.whole.end);
    }
    assert_eq!(spliced.places.len(), mutants.len());
}

#[test]
fn what_is_not_whole_cannot_be_spliced() {
    let text = "fn f(a: u32) -> u32 { a * 2 + 1 }";
    let span = text.find("2 + 1").map(|at| at..at + 5).unwrap();
    let choice = Choice { number: 1, span, put: super::Put::Text("3".to_owned()) };
    assert!(splice(text, vec![choice]).is_err());
}

#[test]
fn ids_are_unique_and_survive_what_happens_elsewhere() {
    let mutants = shipped();
    let unique: BTreeSet<&str> = ids(&mutants).into_iter().collect();
    assert_eq!(unique.len(), mutants.len());

    let text = "impl A { fn f(&self) { g(1); g(1); } }";
    let moved = "// A comment.\nfn new() { h(7) }\n\nimpl A {\n    fn f(&self) {\n        g(1);\n        g(1);\n    }\n}\n";
    let (before, after) = (mutants_of(text), mutants_of(moved));
    assert!(ids(&before).contains(&"lane/snippet.rs A::f delete-statement g(1); #2"), "{:?}", ids(&before));
    assert!(ids(&before).iter().all(|id| ids(&after).contains(id)), "{:?}", ids(&after));
    assert!(after.iter().any(|mutant| mutant.line == 7));
}

#[test]
fn what_does_not_run_is_not_mutated() {
    let text = r#"
        const N: usize = 3;
        static M: usize = 3;
        type Row = [u8; 3];
        #[deprecated(since = "3")]
        impl std::fmt::Debug for A { fn fmt(&self) { g(3); } }
        impl std::fmt::Display for A { fn fmt(&self) { g(3); } }
        #[cfg(test)]
        mod tests { fn f() { g(3); } }
        impl A { const K: u32 = 3; }
        fn f(a: u32) -> [u8; 3] {
            debug_assert!(a != 3, "{}", a == 3);
            assert_eq!(a, 3);
            mark(if a == 3 { "a" } else { "b" });
            (0..3).for_each(|_| mark("c"));
            if let 3 = a { return g::<3>(a) }
            let 3..=4 = a else { panic!("{}", 3) };
            let row = [b; 3];
            match a { 3 => row, _ => b }
        }
    "#;
    assert_eq!(ids(&mutants_of(text)), Vec::<&str>::new());
    // It would have been: the same things, where they do run.
    let text = "fn f(a: u32) { g(3); if a == 3 { g(a) } let _ = h(a); }";
    assert_eq!(mutants_of(text).len(), 7, "{:?}", ids(&mutants_of(text)));
}

#[test]
fn only_the_core_is_mutated() {
    for mutant in find(&repo().join("src")).unwrap() {
        assert!(!mutant.file.starts_with("sync/") && mutant.file != "error.rs", "{}", mutant.id);
        let observing =
            mutant.original.contains("debug_assert") && mutant.operator != Operator::DeleteStatement;
        assert!(!observing && !mutant.original.starts_with("mark("), "{}", mutant.id);
        assert!(mutant.operator != Operator::Weaken || !mutant.original.contains("hint"), "{}", mutant.id);
    }
}

/// What a table says of this source.
fn resolved(edits: &str) -> Result<Mutant, String> {
    let source = "fn f(a: u32) -> bool {\n    g(a);\n    g(a + 1);\n    a * 2 == 4\n}\n";
    let text = format!("[[mutant]]\nname = 'n'\nstory = 's'\nfile = 'x.rs'\nextra = 1\nedits = [{edits}]");
    let entry = table::parse(&text).map_err(|error| format!("{error:#}"))?.remove(0);
    table::resolve(entry, &|_| Ok(source.to_owned())).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_table_must_fit_the_sources() {
    let good = resolved("{ find = 'a * 2 == 4', put = 'true' }, { find = 'g(a);', put = '' }").unwrap();
    assert_eq!((good.id.as_str(), good.line, good.function.as_str(), good.edits.len()), ("n", 4, "f", 2));
    for (edits, complaint) in [
        ("{ find = 'g(b);', put = '' }", "n: found 0 times"),
        ("{ find = 'g(a', put = 'g(0' }", "n: found 2 times"),
        ("{ find = '2 == 4', put = '2 == 5' }", "n: neither a whole expression nor whole statements"),
        ("{ find = 'a + 1', put = '' }", "n: cannot stand in the place"),
        ("{ find = 'g(a);', put = 'g(a' }", "n: cannot stand in the place"),
        ("", "n: no edits"),
    ] {
        let error = resolved(edits).expect_err(edits);
        assert!(error.contains(complaint), "{edits}: {error}");
    }
}

#[test]
fn a_mutant_of_an_older_source_is_refused() {
    let home = std::env::temp_dir().join(format!("keylane-xtask-{}", std::process::id()));
    fs::create_dir_all(home.join("lane")).unwrap();
    fs::write(home.join("lane/snippet.rs"), "fn f() { /* new */ g(); }").unwrap();
    let mutants = mutants_of("fn f() { g(); }");
    let outcome = apply(&mutants[0], &home);
    fs::remove_dir_all(&home).unwrap();
    assert!(outcome.unwrap_err().to_string().contains("has changed since"));
}
