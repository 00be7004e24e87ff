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
const MANY: usize = 64;

/// So many are put together.
const TOGETHER: usize = 256;

/// So many emptied vectors are kept: one goes to the inbox, and one comes back, at a time.
const SPARE: usize = 2;

impl<T> Batches<T> {
    /// There are none.
    pub fn new() -> Self {
        Self { batches: Vec::new(), free: Vec::new(), open: None, spare: Vec::new(), room: 0 }
    }

    /// Takes in all of `items`, which are there, and leaves an empty vector. Where they are now.
    pub fn receive(&mut self, items: &mut Vec<Option<T>>) -> impl Iterator<Item = Home> + use<T> {
        let many = items.len();
        let (batch, first) = match many {
            0 => (0, 0),
            MANY.. if many >= items.capacity() / 4 => {
                let next = self.spare.pop().unwrap_or_default();
                (self.begin(std::mem::replace(items, next)), 0)
            }
            _ => {
                // Whatever flood there was is over.
                self.spare.retain(|spare| spare.capacity() <= KEPT);
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
    pub fn look(&self, home: Home) -> Option<&T> {
        self.batches[home.batch as usize].items[home.item as usize].as_ref()
    }

    /// Takes what is there.
    #[inline]
    pub fn take(&mut self, home: Home) -> T {
        let batch = &mut self.batches[home.batch as usize];
        let item = batch.items[home.item as usize].take().expect("it is taken once");
        batch.left -= 1;
        if batch.left == 0 {
            self.end(home.batch);
        }
        item
    }

    /// Whether far more is kept than the `waiting` ones need: then [`move_to`](Self::move_to) a new place what is left.
    #[inline]
    pub fn is_loose(&self, waiting: usize) -> bool {
        self.room > 8 * waiting + 4 * KEPT
    }

    /// Moves an item to another place.
    pub fn move_to(&mut self, other: &mut Self, home: Home) -> Home {
        let batch = other.open_for(1);
        let Batch { items, left } = &mut other.batches[batch as usize];
        items.push(Some(self.take(home)));
        *left += 1;
        other.room += 1;
        Home { batch, item: items.len() as u32 - 1 }
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
        let open = self.begin(Vec::with_capacity(many.max(TOGETHER)));
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
