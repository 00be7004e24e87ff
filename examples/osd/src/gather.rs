//! Many parts, one whole: a request that was split waits for all its parts (Ceph: C_Gather).

use std::sync::Arc;

use parking_lot::Mutex;

/// The duty to give one part. If one is dropped instead, the whole is dropped too, and with it whatever `finish`
/// holds: a reply slot then answers with an error.
pub struct Part<T> {
    gather: Arc<Mutex<Gather<T>>>,
    index: usize,
}

struct Gather<T> {
    parts: Vec<Option<T>>,
    missing: usize,
    finish: Option<Finish<T>>,
}

type Finish<T> = Box<dyn FnOnce(Vec<T>) + Send>;

/// `count` parts to be given; the last one given runs `finish` on all of them, in the order of their numbers.
pub fn gather<T>(
    count: usize,
    finish: impl FnOnce(Vec<T>) + Send + 'static,
) -> impl Iterator<Item = Part<T>> {
    let parts = std::iter::repeat_with(|| None).take(count).collect();
    let whole = Arc::new(Mutex::new(Gather { parts, missing: count, finish: Some(Box::new(finish)) }));
    (0..count).map(move |index| Part { gather: Arc::clone(&whole), index })
}

impl<T> Part<T> {
    pub fn give(self, part: T) {
        let mut gather = self.gather.lock();
        gather.parts[self.index] = Some(part);
        gather.missing -= 1;
        if gather.missing > 0 {
            return;
        }
        let parts = std::mem::take(&mut gather.parts).into_iter().flatten().collect();
        let finish = gather.finish.take().expect("the last part is given once");
        drop(gather);
        finish(parts);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn finishes_with_the_last_part_in_order() {
        let (send, receive) = mpsc::channel();
        let parts: Vec<_> = gather(3, move |parts| send.send(parts).unwrap()).collect();
        for (part, value) in parts.into_iter().zip([1, 2, 3]).rev() {
            assert!(receive.try_recv().is_err());
            part.give(value);
        }
        assert_eq!(receive.recv(), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn a_lost_part_drops_the_whole() {
        let (send, receive) = mpsc::channel();
        let mut parts = gather(2, move |parts| send.send(parts).unwrap());
        parts.next().unwrap().give(1);
        drop(parts);
        assert!(receive.recv().is_err(), "the sender is gone");
    }
}
