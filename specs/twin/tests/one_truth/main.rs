//! There are two statements of each rule: the reference models of `proptests/`, which say what a call must do, and the twins
//! of `specs/`, which say what each step of it does. They must not be two truths: here each step of a twin is put before the
//! reference model, in every state that the two can get into together. `proptests/README.md` says what is compared.

mod gate;
mod pair;
mod pool;
mod queue;
