//! Which pieces of a source can be replaced at run time, and what has to be put around the choice.

use std::collections::BTreeSet;
use std::ops::Range;

use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr};

use super::scope::{Matches, bytes};

/// What stands at a place, and so how a choice between two of its kind is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Needs parentheses.
    Expression,
    /// One or more whole statements: needs nothing.
    Statements,
    /// The block of a match arm, which needs no comma: stays a block.
    Block,
}

/// The pieces of one file.
#[derive(Debug, Default)]
pub struct Shapes {
    expressions: BTreeSet<(usize, usize)>,
    arms: BTreeSet<(usize, usize)>,
    /// The statements of each block.
    blocks: Vec<Vec<Range<usize>>>,
}

impl Shapes {
    pub fn of(file: &syn::File) -> Self {
        let mut shapes = Self::default();
        shapes.visit_file(file);
        shapes
    }

    /// What the bytes at `span` are, if they are something whole.
    pub fn at(&self, span: &Range<usize>) -> Option<Shape> {
        let run = |block: &Vec<Range<usize>>| {
            block.iter().any(|statement| statement.start == span.start)
                && block.iter().any(|statement| statement.end == span.end)
        };
        if self.arms.contains(&(span.start, span.end)) {
            Some(Shape::Block)
        } else if self.blocks.iter().any(run) {
            Some(Shape::Statements)
        } else if self.expressions.contains(&(span.start, span.end)) {
            Some(Shape::Expression)
        } else {
            None
        }
    }
}

impl<'ast> Visit<'ast> for Shapes {
    fn visit_block(&mut self, block: &'ast Block) {
        self.blocks.push(block.stmts.iter().map(bytes).collect());
        visit::visit_block(self, block);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if matches!(*arm.body, Expr::Block(_)) {
            let span = bytes(&*arm.body);
            self.arms.insert((span.start, span.end));
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        let span = bytes(expression);
        self.expressions.insert((span.start, span.end));
        visit::visit_expr(self, expression);
    }

    fn visit_macro(&mut self, source: &'ast syn::Macro) {
        if let Some(parts) = Matches::of(source) {
            self.visit_expr(&parts.subject);
            if let Some(guard) = &parts.guard {
                self.visit_expr(guard);
            }
        }
    }

    // Patterns look like expressions and are none.
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}
