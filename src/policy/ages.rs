//! How long what waits has waited.

use std::collections::BTreeMap;

use crate::clock::Moment;

/// When each thing that waits came, as far as that is known.
#[derive(Debug, Default)]
pub struct Ages {
    /// How many came at each moment.
    waiting: BTreeMap<Moment, u32>,
}

impl Ages {
    /// Something has come, at `moment` if anybody looked at the clock.
    #[inline]
    pub fn arrive(&mut self, moment: Option<Moment>) {
        if let Some(moment) = moment {
            *self.waiting.entry(moment).or_default() += 1;
        }
    }

    /// Something that came at that moment waits no more.
    #[inline]
    pub fn leave(&mut self, moment: Option<Moment>) {
        let Some(moment) = moment else { return };
        let count = self.waiting.get_mut(&moment).expect("it came then");
        *count -= 1;
        if *count == 0 {
            self.waiting.remove(&moment);
        }
    }

    /// When the oldest came.
    #[inline]
    pub fn oldest(&self) -> Option<Moment> {
        self.waiting.first_key_value().map(|(&moment, _)| moment)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_is_what_waits_of_the_first_that_came() {
        let at = |seconds| Some(Moment::at(Duration::from_secs(seconds)));
        let mut ages = Ages::default();
        ages.leave(None);
        ages.arrive(None);
        assert_eq!(ages.oldest(), None);
        for moment in [5, 3, 7, 3] {
            ages.arrive(at(moment));
        }
        assert_eq!(ages.oldest(), at(3));
        ages.leave(at(3));
        ages.leave(at(5));
        assert_eq!(ages.oldest(), at(3), "two came then");
        ages.leave(at(3));
        assert_eq!(ages.oldest(), at(7));
        ages.leave(at(7));
        assert_eq!((ages.oldest(), ages.waiting.len()), (None, 0));
    }
}
