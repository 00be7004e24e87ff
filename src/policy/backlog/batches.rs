//! Items, where they have arrived.

use super::KEPT;

/// Vectors of items, each as it came from the inbox and kept until its last item is taken: so an item is moved once, when it is
/// picked, however long it waits. Few at a time are put together.
#[derive(Debug)]
pub struct Batches<T> {
    batches: Vec<Batch<T>>,
    /// Which of `batches` are not in use.
    free: Vec<u32>,
    /// Where few are put.
    open: Option<u32>,
    /// For what arrives next.
    spare: Vec<Vec<Option<T>>>,
    /// How many items all batches have had, but for those that are gone.
    room: usize,
}

#[derive(Debug)]
struct Batch<T> {
    items: Vec<Option<T>>,
    /// How many of them have not been taken.
    left: usize,
}

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    batch: u32,
    item: u32,
}

/// From so many on, a batch is kept as it is.
const MANY: usize = 16;

/// So many are put together.
const TOGETHER: usize = 256;

/// So many emptied vectors are kept: one goes to the inbox for each that comes from there, and it may be some time until one
/// is empty.
const SPARE: usize = 8;

impl<T> Batches<T> {
    /// There are none.
    pub fn new() -> Self {
        Self { batches: Vec::new(), free: Vec::new(), open: None, spare: Vec::new(), room: 0 }
    }

    /// Takes in all of `items`, which are there, and leaves an empty vector. Where they are now.
    pub fn receive(&mut self, items: &mut Vec<Option<T>>) -> impl Iterator<Item = Home> + use<T> {
        let many = items.len();
        if many == 0 {
            // Whatever flood there was is over.
            self.spare.retain(|spare| spare.capacity() <= TOGETHER);
            self.spare.truncate(1);
            if self.room == 0 && self.batches.capacity() > TOGETHER {
                *self = Self { spare: std::mem::take(&mut self.spare), ..Self::new() };
            }
        }
        let (batch, first) = match many {
            0 => (0, 0),
            MANY.. if many >= items.capacity() / 4 => {
                // Twice as many, so that whoever fills it seldom has it moved.
                let room = (2 * many).next_power_of_two().min(TOGETHER);
                let next = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(room));
                (self.begin(std::mem::replace(items, next)), 0)
            }
            _ => {
                let open = self.open_for(many);
                let batch = &mut self.batches[open as usize];
                let first = batch.items.len();
                batch.left += many;
                batch.items.append(items);
                (open, first)
            }
        };
        self.room += many;
        let item = |number: usize| u32::try_from(number).expect("memory ends before the numbers do");
        (item(first)..item(first + many)).map(move |item| Home { batch, item })
    }

    /// What is there, if it has not been taken.
    #[inline]
    pub fn item(&self, home: Home) -> Option<&T> {
        self.batches[home.batch as usize].items[home.item as usize].as_ref()
    }

    /// Takes what is there, or that part of it that is `wanted`: which is moved from here to where it is wanted, at once.
    #[inline]
    pub fn take<R>(&mut self, home: Home, wanted: impl FnOnce(T) -> R) -> R {
        let batch = &mut self.batches[home.batch as usize];
        let item = wanted(batch.items[home.item as usize].take().expect("it is taken once"));
        batch.left -= 1;
        if batch.left == 0 {
            self.end(home.batch);
        }
        item
    }

    /// Whether far more is kept than the `waiting` ones need: then [`move`](Self::move_to) what is left to others, by which
    /// these are [replaced](Self::replace_by).
    #[inline]
    pub fn is_loose(&self, waiting: usize) -> bool {
        self.room > 8 * waiting + 16 * KEPT
    }

    /// Moves an item to another place.
    pub fn move_to(&mut self, other: &mut Self, home: Home) -> Home {
        let batch = other.open_for(1);
        let Batch { items, left } = &mut other.batches[batch as usize];
        items.push(Some(self.take(home, |item| item)));
        *left += 1;
        other.room += 1;
        Home { batch, item: items.len() as u32 - 1 }
    }

    /// Nothing is left here.
    pub fn replace_by(&mut self, other: Self) {
        let spare = std::mem::take(&mut self.spare);
        *self = Self { spare, ..other };
    }

    /// A new batch.
    fn begin(&mut self, items: Vec<Option<T>>) -> u32 {
        let batch = Batch { left: items.len(), items };
        if let Some(free) = self.free.pop() {
            self.batches[free as usize] = batch;
            return free;
        }
        self.batches.push(batch);
        u32::try_from(self.batches.len() - 1).expect("memory ends before the numbers do")
    }

    /// The open batch, if it has room for so `many`, or else a new one.
    fn open_for(&mut self, many: usize) -> u32 {
        if let Some(open) = self.open {
            let Batch { items, left } = &self.batches[open as usize];
            if items.capacity() - items.len() >= many {
                return open;
            }
            self.open = None;
            if *left == 0 {
                self.end(open);
            }
        }
        let spare = self.spare.pop().filter(|spare| spare.capacity() >= many);
        let open = self.begin(spare.unwrap_or_else(|| Vec::with_capacity(many.max(TOGETHER))));
        self.open = Some(open);
        open
    }

    /// Nothing is left of a batch.
    fn end(&mut self, number: u32) {
        let batch = &mut self.batches[number as usize];
        self.room -= batch.items.len();
        batch.items.clear();
        if self.open == Some(number) {
            return;
        }
        let items = std::mem::take(&mut batch.items);
        if self.spare.len() < SPARE {
            self.spare.push(items);
        }
        self.free.push(number);
    }

    /// For how many items there is room.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        let batches = self.batches.iter().map(|batch| &batch.items);
        batches.chain(&self.spare).map(Vec::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The homes of `count` items of which each is its number.
    fn receive(batches: &mut Batches<usize>, count: usize) -> Vec<Home> {
        let mut items: Vec<_> = (0..count).map(Some).collect();
        let homes: Vec<_> = batches.receive(&mut items).collect();
        assert!(items.is_empty() && homes.len() == count);
        homes
    }

    #[test]
    fn each_item_is_where_it_was_put_until_it_is_taken() {
        let mut batches = Batches::new();
        let homes =
            [0, 1, 3, MANY - 1, MANY, 3 * MANY, TOGETHER - 1, 5].map(|count| receive(&mut batches, count));
        for homes in &homes {
            for (item, &home) in homes.iter().enumerate().rev() {
                assert_eq!(batches.item(home), Some(&item));
                assert_eq!(batches.take(home, |item| item), item);
            }
        }
        assert_eq!(batches.room, 0);
    }

    #[test]
    fn many_stay_in_their_vector_and_it_comes_back_for_the_next() {
        let mut batches = Batches::new();
        let mut items: Vec<_> = (0..MANY).map(Some).collect();
        let there = items.as_ptr();
        let homes: Vec<_> = batches.receive(&mut items).collect();
        assert!(items.capacity() >= MANY, "as many may come next");
        homes.iter().for_each(|&home| assert!(batches.take(home, |item| item) < usize::MAX));
        items.extend((0..MANY).map(Some));
        let _ = batches.receive(&mut items).count();
        assert_eq!(items.as_ptr(), there);
    }

    #[test]
    fn a_flow_that_is_kept_up_with_stays_in_one_place() {
        let mut batches = Batches::new();
        let first = receive(&mut batches, 1);
        batches.take(first[0], |item| item);
        let room = batches.capacity();
        for count in (1..MANY).cycle().take(10 * TOGETHER) {
            receive(&mut batches, count)
                .into_iter()
                .for_each(|home| assert!(batches.take(home, |item| item) < usize::MAX));
        }
        assert_eq!((batches.capacity(), batches.batches.len()), (room, 1));
    }

    #[test]
    fn a_flow_that_is_never_quite_kept_up_with_uses_the_same_few() {
        let mut batches = Batches::new();
        let mut last = receive(&mut batches, 1);
        for _ in 0..10 * TOGETHER {
            let next = receive(&mut batches, 1);
            assert_eq!(batches.take(last[0], |item| item), 0);
            last = next;
        }
        assert!(batches.capacity() <= 2 * TOGETHER && batches.batches.len() <= 2);
    }

    #[test]
    fn a_vector_of_which_little_is_used_is_not_kept() {
        let mut batches = Batches::new();
        let mut items = Vec::with_capacity(100 * MANY);
        items.extend((0..MANY).map(Some));
        let room = items.capacity();
        let homes: Vec<_> = batches.receive(&mut items).collect();
        assert!(items.capacity() == room && batches.capacity() < room);
        homes.iter().enumerate().for_each(|(item, &home)| assert_eq!(batches.take(home, |item| item), item));
    }

    #[test]
    fn large_vectors_are_given_back_after_a_flood() {
        let mut batches = Batches::new();
        for home in receive(&mut batches, 2 * KEPT) {
            batches.take(home, |item| item);
        }
        assert!(batches.capacity() >= 2 * KEPT, "the next may be as many");
        receive(&mut batches, 0);
        assert_eq!(batches.capacity(), 0, "there were none");
    }

    #[test]
    fn what_is_left_of_many_batches_can_be_put_together() {
        let (mut batches, mut together) = (Batches::new(), Batches::new());
        let homes: Vec<_> = (0..100).map(|_| receive(&mut batches, 12 * MANY)).collect();
        for homes in &homes {
            assert!(!batches.is_loose(100 * 12 * MANY));
            homes[1..].iter().for_each(|&home| assert!(batches.take(home, |item| item) < usize::MAX));
        }
        assert!(batches.is_loose(100) && batches.room == 100 * 12 * MANY);
        let moved: Vec<_> = homes.iter().map(|homes| batches.move_to(&mut together, homes[0])).collect();
        assert_eq!((batches.room, together.room, together.is_loose(100)), (0, 100, false));
        batches.replace_by(together);
        assert!(batches.capacity() <= TOGETHER + SPARE * 12 * MANY, "and most vectors are gone");
        assert_eq!(
            moved.iter().map(|&home| batches.take(home, |item| item)).sum::<usize>(),
            0,
            "each was the first"
        );
    }
}
