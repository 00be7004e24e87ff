//! The constants of a model, from its file in `specs/models/`.

use std::collections::BTreeMap;

/// A configuration: constants, and which laws are looked at.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    values: BTreeMap<String, String>,
    laws: Vec<String>,
}

impl Constants {
    /// From the text of such a file.
    pub fn read(cfg: &str) -> Self {
        let mut constants = Self::default();
        for line in cfg.lines() {
            if let Some((name, value)) = line.split_once('=') {
                constants.values.insert(name.trim().to_owned(), value.trim().to_owned());
            } else if let Some(laws) = line.strip_prefix("INVARIANTS").or(line.strip_prefix("PROPERTIES")) {
                constants.laws.extend(laws.split_whitespace().map(str::to_owned));
            }
        }
        constants
    }

    /// The invariants and properties that it names.
    pub fn laws(&self) -> &[String] {
        &self.laws
    }

    /// A word, without its quotes.
    ///
    /// # Panics
    /// If there is no such constant.
    pub fn word(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("no constant {name}")).trim_matches('"')
    }

    /// A number.
    ///
    /// # Panics
    /// If there is no such constant, or it is none.
    pub fn number(&self, name: &str) -> u8 {
        self.word(name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
    }

    /// `TRUE` or `FALSE`.
    ///
    /// # Panics
    /// If there is no such constant, or it is neither.
    pub fn flag(&self, name: &str) -> bool {
        match self.word(name) {
            "TRUE" => true,
            "FALSE" => false,
            _ => panic!("{name} is neither TRUE nor FALSE"),
        }
    }

    /// How many there are in a set. Here they are numbered, from 0 on.
    ///
    /// # Panics
    /// If there is no such constant, or it is no set.
    pub fn size(&self, name: &str) -> u8 {
        self.members(name).count() as u8
    }

    /// The numbers in a set.
    ///
    /// # Panics
    /// If there is no such constant, or it is no set of numbers.
    pub fn numbers(&self, name: &str) -> Vec<u8> {
        self.members(name).map(|word| word.parse().unwrap_or_else(|_| panic!("{name} has others"))).collect()
    }

    fn members(&self, name: &str) -> impl Iterator<Item = &str> {
        let set = self.word(name).strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let set = set.unwrap_or_else(|| panic!("{name} is no set"));
        set.split(',').map(str::trim).filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read() {
        let cfg = "SPECIFICATION Spec\nCONSTANTS\n    Keys = {k1, k2}\n    None = {}\n    Items = 3\n    \
            Prios = {1, 7}\n    MayStop = TRUE\n    How = \"run\"\nINVARIANTS One Two\nPROPERTIES Three\n";
        let constants = Constants::read(cfg);
        assert_eq!((constants.size("Keys"), constants.size("None")), (2, 0));
        assert_eq!((constants.number("Items"), constants.numbers("Prios")), (3, vec![1, 7]));
        assert!(constants.flag("MayStop"));
        assert_eq!(constants.word("How"), "run");
        assert_eq!(constants.laws(), ["One", "Two", "Three"]);
    }
}
