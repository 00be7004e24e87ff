//! Finds what can be broken automatically, by walking the syntax tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, Lit, Stmt, UnOp};

use super::operator::{self, Operator};
use super::scope::{self, Matches, bytes};
use super::{Edit, Mutant, Put, Weaker, line_of, normalised};

/// An id quotes no more of the source than this.
const QUOTED: usize = 70;

/// All automatic mutants of the sources below `src`, by file and place.
pub fn find(src: &Path) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for file in super::copy::files(src)? {
        if scope::is_subject(&file) && file.ends_with(".rs") {
            let text = fs::read_to_string(src.join(&file)).with_context(|| format!("cannot read {file}"))?;
            mutants.extend(find_in(&file, &text)?);
        }
    }
    Ok(mutants)
}

/// The automatic mutants of one file.
pub fn find_in(file: &str, text: &str) -> Result<Vec<Mutant>> {
    let tree = syn::parse_file(text).with_context(|| format!("cannot parse {file}"))?;
    let mut finder = Finder {
        file,
        text,
        home: None,
        function: None,
        around: Vec::new(),
        conditions: BTreeSet::new(),
        units: BTreeSet::new(),
        compared: BTreeSet::new(),
        steps: BTreeSet::new(),
        found: Vec::new(),
    };
    finder.visit_file(&tree);
    let mut found = finder.found;
    found.sort_by_key(|mutant| (mutant.edits[0].span.start, mutant.edits[0].span.end, mutant.operator));
    let mut times = BTreeMap::new();
    for mutant in &mut found {
        let nth: &mut usize = times.entry(mutant.id.clone()).or_default();
        *nth += 1;
        if *nth > 1 {
            mutant.id = format!("{} #{nth}", mutant.id);
        }
    }
    Ok(found)
}

struct Finder<'s> {
    file: &'s str,
    text: &'s str,
    /// The type or trait that is being implemented.
    home: Option<String>,
    function: Option<String>,
    /// The expressions around the present one, the innermost last.
    around: Vec<Range<usize>>,
    /// Where conditions begin and end: what negates one is not done to it twice.
    conditions: BTreeSet<(usize, usize)>,
    /// Where those matches begin whose value is `()`.
    units: BTreeSet<usize>,
    /// Where the operands of `==` and `!=` begin: for an enum of two, the other variant is the other operator.
    compared: BTreeSet<usize>,
    /// Where the right sides of `+=` and `-=` begin.
    steps: BTreeSet<usize>,
    found: Vec<Mutant>,
}

impl Finder<'_> {
    fn source(&self, span: Range<usize>) -> &str {
        &self.text[span]
    }

    fn add(&mut self, operator: Operator, span: Range<usize>, put: Put) {
        let find = self.source(span.clone()).to_owned();
        let original = normalised(&find);
        let replacement = match &put {
            Put::Text(text) => normalised(text),
            Put::Weaken(weaker) => format!("{weaker:?}"),
        };
        let function = self.function.clone().unwrap_or_default();
        let mut id = format!("{} {function} {operator} {}", self.file, shortened(&original));
        if !matches!(operator, Operator::DeleteStatement | Operator::NegateCondition | Operator::EmptyArm) {
            id = format!("{id} -> {}", shortened(&replacement));
        }
        // A literal alone says little; where it stands tells it from the others.
        if matches!(operator, Operator::Literal | Operator::Variant | Operator::DeleteNot) {
            let around = self.around.iter().rev().map(|span| normalised(self.source(span.clone())));
            let context = around.take_while(|text| text.len() <= QUOTED).find(|text| *text != original);
            if let Some(context) = context {
                id = format!("{id} in {context}");
            }
        }
        self.found.push(Mutant {
            id,
            file: self.file.to_owned(),
            line: line_of(self.text, span.start),
            function,
            operator,
            original,
            replacement,
            edits: vec![Edit { file: self.file.to_owned(), span, find, put }],
            entry: None,
        });
    }

    /// Replaces `part` of `whole`.
    fn exchange(&mut self, operator: Operator, whole: Range<usize>, part: Range<usize>, new: &str) {
        let before = self.source(whole.start..part.start);
        let text = format!("{before}{new}{}", self.source(part.end..whole.end));
        self.add(operator, whole, Put::Text(text));
    }

    fn negate(&mut self, condition: &Expr) {
        if scope::binds(condition) {
            return;
        }
        let span = bytes(condition);
        self.conditions.insert((span.start, span.end));
        let put = match condition {
            Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) => self.source(bytes(&*not.expr)).to_owned(),
            Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Field(_) | Expr::Macro(_) => {
                format!("!{}", self.source(span.clone()))
            }
            _ => format!("!({})", self.source(span.clone())),
        };
        self.add(Operator::NegateCondition, span, Put::Text(put));
    }

    /// Whether this expression is a condition, and has been negated as such.
    fn is_negated(&self, expression: &Expr) -> bool {
        let span = bytes(expression);
        self.conditions.contains(&(span.start, span.end))
    }

    fn note_unit(&mut self, value: Option<&Expr>) {
        if let Some(value @ Expr::Match(_)) = value {
            self.units.insert(bytes(value).start);
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &Block) {
        if signature.constness.is_some() {
            return;
        }
        let name = signature.ident.to_string();
        let name = self.home.as_ref().map_or(name.clone(), |home| format!("{home}::{name}"));
        let outer = self.function.replace(name);
        if matches!(signature.output, syn::ReturnType::Default) {
            self.note_unit(scope::tail(block));
        }
        self.visit_block(block);
        self.function = outer;
    }

    fn expression(&mut self, expression: &Expr) {
        let span = bytes(expression);
        match expression {
            Expr::If(decided) => self.negate(&decided.cond),
            Expr::While(decided) => {
                self.negate(&decided.cond);
                self.note_unit(scope::tail(&decided.body));
            }
            Expr::ForLoop(each) => self.note_unit(scope::tail(&each.body)),
            Expr::Loop(forever) => self.note_unit(scope::tail(&forever.body)),
            Expr::Match(choice) => {
                let unit = self.units.contains(&span.start)
                    || choice.arms.iter().any(|arm| self.source(bytes(&*arm.body)) == "{}");
                for arm in &choice.arms {
                    self.arm(arm, unit);
                }
            }
            Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) && !self.is_negated(expression) => {
                let put = self.source(bytes(&*not.expr)).to_owned();
                self.add(Operator::DeleteNot, span, Put::Text(put));
            }
            Expr::Binary(binary) => self.binary(expression, binary),
            Expr::Lit(literal) => self.literal(&literal.lit),
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                if operator::ATOMIC.contains(&&*name) && self.file.starts_with("lane/") {
                    for weaker in [Weaker::Relaxed, Weaker::Acquire, Weaker::Release] {
                        self.add(Operator::Weaken, span.clone(), Put::Weaken(weaker));
                    }
                }
                let opposite = name.starts_with("is_") && self.is_negated(expression);
                if let Some(other) = operator::method(&name).filter(|_| !opposite) {
                    self.exchange(Operator::SwapMethod, span, bytes(&call.method), other);
                }
            }
            // `Door::Closed(stop)`: a door that is not quite closed.
            Expr::Call(call) if self.source(bytes(&*call.func)) == "Door::Closed" => {
                self.add(Operator::Variant, span, Put::Text("Door::Sealed".to_owned()));
            }
            Expr::Path(path) if !self.compared.contains(&span.start) => {
                let names: Vec<String> =
                    path.path.segments.iter().map(|name| name.ident.to_string()).collect();
                if let Some(other) = operator::variant(&names.join("::")) {
                    self.add(Operator::Variant, span, Put::Text(other.to_owned()));
                }
            }
            _ => {}
        }
    }

    fn arm(&mut self, arm: &Arm, unit: bool) {
        if let Some((_, guard)) = &arm.guard {
            self.negate(guard);
        }
        let body = bytes(&*arm.body);
        let silent = scope::observes(&arm.body) || matches!(*arm.body, Expr::Macro(_));
        if unit && !silent && self.source(body.clone()) != "{}" {
            self.add(Operator::EmptyArm, body, Put::Text("{}".to_owned()));
        }
    }

    fn binary(&mut self, expression: &Expr, binary: &syn::ExprBinary) {
        use syn::BinOp;
        if matches!(binary.op, BinOp::AddAssign(_) | BinOp::SubAssign(_)) {
            self.steps.insert(bytes(&*binary.right).start);
        }
        let equality = matches!(binary.op, BinOp::Eq(_) | BinOp::Ne(_));
        if equality {
            self.compared.extend([&binary.left, &binary.right].map(|operand| bytes(&**operand).start));
        }
        if scope::binds(expression) || (equality && self.is_negated(expression)) {
            return;
        }
        if let Some(other) = operator::binary(&binary.op) {
            let span = bytes(expression);
            let part = bytes(&binary.op);
            let before = self.source(span.start..part.start);
            let text = format!("{before}{other}{}", self.source(part.end..span.end));
            // It binds differently now; parentheses keep it together where it stands.
            let logical = matches!(binary.op, BinOp::And(_) | BinOp::Or(_));
            let text = if logical && !self.is_negated(expression) { format!("({text})") } else { text };
            self.add(Operator::SwapBinary, span, Put::Text(text));
        }
    }

    fn literal(&mut self, literal: &Lit) {
        let span = bytes(literal);
        match literal {
            Lit::Bool(truth) => {
                self.add(Operator::Literal, span, Put::Text((!truth.value).to_string()));
            }
            Lit::Int(number) => {
                let Ok(value) = number.base10_parse::<u128>() else { return };
                let others = [value.checked_add(1), value.checked_sub(1)];
                // `x += 0` is the statement deleted.
                let others = others
                    .into_iter()
                    .flatten()
                    .filter(|other| *other > 0 || !self.steps.contains(&span.start));
                for other in others.collect::<Vec<_>>() {
                    self.add(
                        Operator::Literal,
                        span.clone(),
                        Put::Text(format!("{other}{}", number.suffix())),
                    );
                }
            }
            _ => {}
        }
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            if scope::effect(statement).is_some() {
                self.add(Operator::DeleteStatement, bytes(statement), Put::Text(String::new()));
            }
        }
        for pair in statements.windows(2) {
            if scope::effect(&pair[0]).is_some() && scope::effect(&pair[1]).is_some() {
                let (first, second) = (bytes(&pair[0]), bytes(&pair[1]));
                let [one, between, other] =
                    [first.clone(), first.end..second.start, second.clone()].map(|span| self.source(span));
                let text = format!("{other}{between}{one}");
                self.add(Operator::SwapStatements, first.start..second.end, Put::Text(text));
            }
        }
    }
}

/// At most [`QUOTED`] characters of `text`.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text.to_owned(),
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !scope::is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !scope::is_printing(item) {
            let outer = self.home.replace(scope::type_name(&item.self_ty));
            visit::visit_item_impl(self, item);
            self.home = outer;
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = self.home.replace(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.home = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !scope::is_test(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.statements(&block.stmts);
        let values = block.stmts.split_last().map_or(&[][..], |(_, before)| before);
        for statement in values {
            if let Stmt::Expr(expression, _) = statement {
                self.note_unit(Some(expression));
            }
        }
        visit::visit_block(self, block);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        if scope::observes(expression) {
            return;
        }
        self.expression(expression);
        self.around.push(bytes(expression));
        visit::visit_expr(self, expression);
        self.around.pop();
    }

    fn visit_macro(&mut self, source: &'ast syn::Macro) {
        if let Some(parts) = Matches::of(source) {
            self.visit_expr(&parts.subject);
            if let Some(guard) = &parts.guard {
                self.negate(guard);
                self.visit_expr(guard);
            }
        }
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    // Nothing in these is an expression that runs.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}
