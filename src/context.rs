//! What travels with a message beside it: the span of who sent it, with the feature `tracing`; else nothing.

pub(crate) use imp::Context;

#[cfg(feature = "tracing")]
mod imp {
    /// The span in which a message was sent.
    #[derive(Debug)]
    pub(crate) struct Context(tracing::Span);

    impl Context {
        /// The span that this thread is in.
        pub(crate) fn current() -> Self {
            Self(tracing::Span::current())
        }

        /// Puts this thread into it, until dropped.
        pub(crate) fn enter(&self) -> tracing::span::Entered<'_> {
            self.0.enter()
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod imp {
    /// Nothing.
    #[derive(Debug)]
    pub(crate) struct Context;

    /// Being nowhere in particular.
    pub(crate) struct Entered;

    impl Context {
        /// Nothing.
        #[inline(always)]
        pub(crate) fn current() -> Self {
            Self
        }

        /// Nothing.
        #[inline(always)]
        pub(crate) fn enter(&self) -> Entered {
            Entered
        }
    }
}
