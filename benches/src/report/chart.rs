//! A question's figures as bars.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use crate::findings::Answer;
use crate::tables::figure;

const WIDTH: u32 = 860;
/// Of one bar with its distance.
const BAR: u32 = 30;
/// Of what is not bars.
const AXIS: u32 = 60;
const FONT: (&str, u32) = ("sans-serif", 15);

/// A horizontal bar for each contender's median, with a line from the lowest to the highest. The page's style has the colours.
pub fn svg(answer: &Answer) -> Result<String> {
    let count = answer.contenders.len();
    let height = BAR * u32::try_from(count)? + AXIS;
    let mut text = String::new();
    // Plotters' errors keep the drawing, and so cannot leave here.
    draw(answer, SVGBackend::with_string(&mut text, (WIDTH, height)), count)
        .map_err(|error| anyhow!("the chart of {}: {error}", answer.name))?;
    Ok(text)
}

fn draw(answer: &Answer, backend: SVGBackend<'_>, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let longest = answer.contenders.iter().map(|one| one.name.chars().count()).max().unwrap_or_default();
    let highest = answer.contenders.iter().map(|one| one.figure.highest).fold(0.0, f64::max);
    let area = backend.into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(30)
        .x_label_area_size(40)
        .y_label_area_size(12 + 7 * u32::try_from(longest)?)
        // The first is on top.
        .build_cartesian_2d(0.0..highest * 1.05, (0..count - 1).into_segmented())?;
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) if *at < count => answer.contenders[count - 1 - at].name.to_owned(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_desc(answer.unit)
        .x_label_formatter(&|value| figure(*value))
        .y_labels(count)
        .y_label_formatter(&name)
        .label_style(FONT)
        .axis_desc_style(FONT)
        .light_line_style(TRANSPARENT)
        .draw()?;
    let bars = || answer.contenders.iter().rev().map(|one| one.figure).enumerate();
    chart.draw_series(
        Histogram::horizontal(&chart)
            .style(BLUE.filled())
            .margin(6)
            .data(bars().map(|(at, spread)| (at, spread.median))),
    )?;
    chart.draw_series(bars().map(|(at, spread)| {
        let at = SegmentValue::CenterOf(at);
        ErrorBar::new_horizontal(at, spread.lowest, spread.median, spread.highest, BLACK.filled(), 8)
    }))?;
    area.present()?;
    Ok(())
}
