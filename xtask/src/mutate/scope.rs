//! What of the sources is fair game: production code, and in it what has an effect.

use std::ops::Range;

use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ItemImpl, Macro, Pat, Stmt, Token, Type};

/// Where keylane's own logic is, below `src/`. The door (`sync/`) is mutated through its users, errors have none, and what
/// a queue's policy is made of has cargo-mutants (`cargo xtask policies`): no model could tell.
pub fn is_subject(file: &str) -> bool {
    ["lane/", "dispatch/", "pool/", "throttle/", "gate/"].iter().any(|folder| file.starts_with(folder))
        || ["inside.rs", "worker_thread.rs", "policy/keyed.rs"].contains(&file)
}

/// Whether an item is only there for unit tests.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test")))
    })
}

/// Whether this is an implementation of `Debug` or `Display`, whose text nothing rests on.
pub fn is_printing(item: &ItemImpl) -> bool {
    let name = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    name.is_some_and(|name| name.ident == "Debug" || name.ident == "Display")
}

/// The name of the type that is implemented.
pub fn type_name(implemented: &Type) -> String {
    match implemented {
        Type::Path(path) => path.path.segments.last().map(|name| name.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Whether an expression only tells the models, or asserts: `mark(..)` and `took(..)`, also once for each of something.
pub fn observes(expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Path(path) if path.path.is_ident("mark") || path.path.is_ident("took"))
        }
        Expr::MethodCall(call) if call.method == "for_each" => match call.args.first() {
            Some(Expr::Closure(closure)) => observes(&closure.body),
            _ => false,
        },
        _ => false,
    }
}

/// The call, assignment or compound assignment that a statement consists of, if it is such a one.
pub fn effect(statement: &Stmt) -> Option<&Expr> {
    let expression = match statement {
        Stmt::Expr(expression, Some(_)) => expression,
        Stmt::Local(local) => match (&local.pat, &local.init) {
            (Pat::Wild(_), Some(init)) if init.diverge.is_none() => &*init.expr,
            _ => return None,
        },
        _ => return None,
    };
    let acts = |expression: &Expr| matches!(expression, Expr::Call(_) | Expr::MethodCall(_));
    let effective = match expression {
        Expr::Try(tried) => acts(&tried.expr),
        Expr::Assign(_) => matches!(statement, Stmt::Expr(..)),
        Expr::Binary(binary) => is_assigning(&binary.op),
        other => acts(other),
    };
    (effective && !observes(expression)).then_some(expression)
}

/// Whether the operator writes its left side.
pub fn is_assigning(operator: &syn::BinOp) -> bool {
    use syn::BinOp;
    matches!(
        operator,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// The last statement's expression, if that is the block's value.
pub fn tail(block: &Block) -> Option<&Expr> {
    match block.stmts.last() {
        Some(Stmt::Expr(expression, None)) => Some(expression),
        _ => None,
    }
}

/// Whether a condition binds something, so that it cannot be wrapped.
pub fn binds(condition: &Expr) -> bool {
    struct Lets(bool);
    impl<'ast> Visit<'ast> for Lets {
        fn visit_expr(&mut self, expression: &'ast Expr) {
            match expression {
                Expr::Let(_) => self.0 = true,
                // What these hold inside is theirs.
                Expr::Block(_) | Expr::Closure(_) | Expr::If(_) | Expr::Match(_) => {}
                _ => visit::visit_expr(self, expression),
            }
        }
    }
    let mut lets = Lets(false);
    lets.visit_expr(condition);
    lets.0
}

/// What `matches!` is made of: the one macro whose inside is looked at.
pub struct Matches {
    pub subject: Expr,
    pub guard: Option<Expr>,
}

impl Matches {
    /// The parts of `source`, if it is a `matches!`.
    pub fn of(source: &Macro) -> Option<Self> {
        source.path.is_ident("matches").then(|| source.parse_body().ok()).flatten()
    }
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let subject = input.parse()?;
        input.parse::<Token![,]>()?;
        Pat::parse_multi_with_leading_vert(input)?;
        let guard = input.peek(Token![if]).then(|| input.parse::<Token![if]>().and_then(|_| input.parse()));
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { subject, guard: guard.transpose()? })
    }
}

/// The bytes of a node.
pub fn bytes(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// Looks at every function, with its name (`Inbox::push`) and its bytes, the inner after the outer.
#[derive(Default)]
struct Functions {
    home: Option<String>,
    found: Vec<(String, Range<usize>)>,
}

impl Functions {
    fn function(&mut self, signature: &syn::Signature, item: Range<usize>) {
        let name = signature.ident.to_string();
        let name = self.home.as_ref().map_or(name.clone(), |home| format!("{home}::{name}"));
        self.found.push((name, item));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = self.home.replace(type_name(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.home = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = self.home.replace(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.home = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, bytes(item));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, bytes(item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, bytes(item));
    }
}

/// The functions of `file`, with their names and bytes.
pub fn functions(file: &syn::File) -> Vec<(String, Range<usize>)> {
    let mut functions = Functions::default();
    functions.visit_file(file);
    functions.found
}

/// The name of the function around byte `at`.
pub fn function_at(file: &syn::File, at: usize) -> String {
    let around = functions(file).into_iter().rev().find(|(_, span)| span.contains(&at));
    around.map(|(name, _)| name).unwrap_or_default()
}
