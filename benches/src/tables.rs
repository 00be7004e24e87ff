//! The findings for a terminal.

use comfy_table::{CellAlignment, LineStyle, Table, presets};

use crate::findings::{Answer, Beside, Outcome, Row};

/// Three digits that say something; more before the point.
pub fn figure(value: f64) -> String {
    let magnitude = value.abs();
    let digits = if magnitude >= 99.95 {
        0
    } else if magnitude >= 9.995 {
        1
    } else if magnitude >= 0.9995 || magnitude == 0.0 {
        2
    } else {
        // So many zeros follow the point.
        (2.0 - magnitude.log10().floor()) as usize
    };
    format!("{value:.digits$}")
}

/// A share of operations: what is less than a thousandth of one is none.
pub fn each(value: f64) -> String {
    // Not the nought that has a sign.
    format!("{:.3}", (value * 1e3).round() / 1e3 + 0.0)
}

/// Columns of an answer: their heads, and what is in them. Those that nobody has something for are left out.
pub fn columns(answer: &Answer) -> (Vec<String>, Vec<Vec<String>>) {
    type Column<'a> = (String, Box<dyn Fn(&Outcome) -> Option<String> + 'a>);
    let column = |head: &str, value: fn(&Outcome) -> Option<String>| -> Column<'_> {
        (head.to_owned(), Box::new(value))
    };
    let mut columns = vec![
        column("", |outcome| Some(outcome.name.to_owned())),
        column(answer.unit, |outcome| Some(figure(outcome.figure.median))),
        column("lowest..highest", |outcome| Some(range(outcome.figure.lowest, outcome.figure.highest))),
        column("by best peer", |outcome| outcome.of_best_peer.map(|ratio| format!("{ratio:.2}"))),
        column("CPU s/M", |outcome| Some(figure(outcome.cpu_per_million))),
        column("switches", |outcome| Some(each(outcome.switches))),
        column("allocations", |outcome| outcome.allocations.map(each)),
    ];
    // Where that is the figure, it has been told.
    columns.retain({
        let mut first = true;
        move |(head, _)| head != answer.unit || std::mem::take(&mut first)
    });
    for (at, (percentile, _)) in answer.contenders[0].percentiles.iter().enumerate() {
        let value =
            move |outcome: &Outcome| outcome.percentiles.get(at).map(|(_, value)| figure(value / 1e3));
        columns.push((format!("p{percentile} us"), Box::new(value)));
    }
    columns.retain(|(_, value)| answer.contenders.iter().any(|outcome| value(outcome).is_some()));
    let row = |outcome| columns.iter().map(|(_, value)| value(outcome).unwrap_or_default()).collect();
    let rows = answer.contenders.iter().map(row).collect();
    (columns.into_iter().map(|(head, _)| head).collect(), rows)
}

/// What is compared, and how.
pub fn asked(answer: &Answer) -> String {
    let better = if answer.less_is_better { "less" } else { "more" };
    format!("{}, {}: {better} is better", answer.figure, answer.unit)
}

/// Who lacks what.
pub fn lacks(answer: &Answer) -> impl Iterator<Item = (&'static str, &'static str)> {
    answer.contenders.iter().filter_map(|one| Some((one.name, one.lacks?)))
}

fn range(from: f64, to: f64) -> String {
    format!("{}..{}", figure(from), figure(to))
}

/// Columns of a table of what is measured for itself.
pub fn columns_beside(beside: &Beside) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = ["", "of", "", "unit", "lowest..highest"].map(str::to_owned).into();
    let row = |Row { name, contender, figure: value, range, unit }: &Row| {
        let range = range.map(|(from, to)| self::range(from, to));
        vec![
            name.clone(),
            contender.clone().unwrap_or_default(),
            figure(*value),
            unit.clone(),
            range.unwrap_or_default(),
        ]
    };
    (heads, beside.rows.iter().map(row).collect())
}

/// An answer and its verdicts.
pub fn answer(answer: &Answer) -> String {
    let mut told = format!("{}\n{}\n{}\n", answer.name, asked(answer), table(columns(answer)));
    lacks(answer).for_each(|(name, lacks)| told += &format!("{name} lacks {lacks}\n"));
    answer.verdicts.iter().for_each(|verdict| told += &format!("{verdict}\n"));
    told
}

/// What is measured for itself.
pub fn beside(beside: &Beside) -> String {
    format!("{}\n{}\n", beside.title, table(columns_beside(beside)))
}

fn table((heads, rows): (Vec<String>, Vec<Vec<String>>)) -> Table {
    let mut table = Table::new();
    let style = presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());
    table.load_style(style).set_header(heads).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{each, figure};

    #[test]
    fn three_digits_say_something() {
        let told = [1234.5, 99.96, 12.34, 9.999, 1.0, 0.99999, 0.5, 0.01234, 0.000_098_7, 0.0].map(figure);
        assert_eq!(
            told,
            ["1234", "100", "12.3", "10.0", "1.00", "1.00", "0.500", "0.0123", "0.0000987", "0.00"]
        );
        assert_eq!([1.0, -0.0001, 0.0126].map(each), ["1.000", "0.000", "0.013"]);
    }
}
