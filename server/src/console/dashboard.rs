//! The dashboard: what happened lately, drawn on the server, with the numbers beside the picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::layout::{Failure, Frame, Section, Visit, page};
use crate::service::statistics::StatisticsView;

/// For how long.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    span: String,
}

/// One bar of a chart: when it begins, and its two values.
struct Bar {
    begins: Timestamp,
    one: u64,
    two: u64,
}

/// A chart with two values to a bar.
struct Chart {
    title: &'static str,
    one: &'static str,
    two: &'static str,
    bars: Vec<Bar>,
    is_by_day: bool,
}

impl Chart {
    fn total_one(&self) -> u64 {
        self.bars.iter().map(|bar| bar.one).sum()
    }

    fn total_two(&self) -> u64 {
        self.bars.iter().map(|bar| bar.two).sum()
    }

    fn is_empty(&self) -> bool {
        self.total_one() + self.total_two() == 0
    }

    /// The bars in which something happened, for the table.
    fn rows(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(|bar| bar.one + bar.two > 0)
    }

    fn label(&self, bar: &Bar) -> String {
        let format = if self.is_by_day { "%-d %b" } else { "%H:%M" };
        jiff::fmt::strtime::format(format, bar.begins).unwrap_or_default()
    }

    /// The picture: stacked bars over a few lines. Numbers only, so there is nothing to escape but the labels.
    fn svg(&self) -> String {
        const WIDTH: f64 = 720.0;
        const HEIGHT: f64 = 190.0;
        const LEFT: f64 = 44.0;
        const BOTTOM: f64 = 24.0;
        const TOP: f64 = 10.0;
        let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let highest = self.bars.iter().map(|bar| bar.one + bar.two).max().unwrap_or_default();
        let (step, steps) = round_steps(highest);
        let top = count(step * steps);
        let plot = HEIGHT - BOTTOM - TOP;
        let y = |number: u64| TOP + plot - plot * count(number) / top;
        let mut svg = format!("<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">");
        for line in 0..=steps {
            let (value, at) = (line * step, y(line * step));
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{at:.1}\" text-anchor=\"end\" dominant-baseline=\"middle\">{value}</text>",
                LEFT - 6.0
            );
        }
        let slot = (WIDTH - LEFT) / count(self.bars.len() as u64).max(1.0);
        let width = (slot * 0.72).min(34.0);
        let every = self.bars.len().div_ceil(8).max(1);
        for (index, bar) in self.bars.iter().enumerate() {
            let x = LEFT + slot * count(index as u64) + (slot - width) / 2.0;
            let (middle, end) = (y(bar.one), y(bar.one + bar.two));
            let mut rect = |class: &str, from: f64, to: f64| {
                if from - to > 0.01 {
                    let _ = write!(
                        svg,
                        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{to:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"1.5\"/>",
                        from - to
                    );
                }
            };
            rect("one", y(0), middle);
            rect("two", middle, end);
            if index % every == 0 {
                let (center, label) = (x + width / 2.0, self.label(bar));
                let _ = write!(
                    svg,
                    "<text x=\"{center:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                    HEIGHT - 6.0
                );
            }
        }
        svg + "</svg>"
    }
}

/// The distance of lines in round numbers, and how many of them hold `highest`.
fn round_steps(highest: u64) -> (u64, u64) {
    let mut step = 1;
    for factor in [2, 5, 10].into_iter().cycle().scan(1_u64, |power, factor| {
        let value = *power * factor;
        if factor == 10 {
            *power *= 10;
        }
        Some(value)
    }) {
        if step * 4 >= highest.max(1) {
            break;
        }
        step = factor;
    }
    (step, highest.div_ceil(step).max(1))
}

/// A refusal's reason and how often it was given.
struct Refusal {
    words: String,
    count: u64,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    frame: Frame,
    statistics: StatisticsView,
    is_by_day: bool,
    charts: Vec<Chart>,
    refusals: Vec<Refusal>,
    first_steps: bool,
    now: Timestamp,
}

/// Something that an administrator may have to look after.
struct Notice {
    path: &'static str,
    text: String,
    at: Option<Timestamp>,
}

/// One number at the top.
struct Figure {
    number: u64,
    words: &'static str,
    /// The list of what is counted, where there is one.
    path: Option<&'static str>,
}

impl DashboardPage {
    fn figures(&self) -> [Figure; 5] {
        let figure = |number, one, many, path| Figure { number, words: if number == 1 { one } else { many }, path };
        let counted = &self.statistics;
        [
            figure(counted.users, "user", "users", Some("/console/users")),
            figure(counted.active_tokens, "active token", "active tokens", None),
            figure(counted.waiting_activations, "activation waiting", "activations waiting", None),
            figure(counted.expired_activations, "ticket expired", "tickets expired", None),
            figure(counted.locked_users, "user locked", "users locked", Some("/console/audit?action=user.locked")),
        ]
    }

    /// What failed in the time that is shown, and what ends.
    fn notices(&self) -> Vec<Notice> {
        let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
        for event in self.statistics.events.iter().filter(|event| event.event == "delivery.given_up") {
            *failed.entry(&event.detail).or_default() += event.count;
        }
        let failed = failed.into_iter().map(|(kind, count)| Notice {
            path: "/console/deliveries?state=given_up",
            text: format!("{}: {count} given up", kind.replace('_', " ")),
            at: None,
        });
        let keys = self.statistics.old_keys.iter().map(|old| Notice {
            path: "/console/applications",
            text: format!("The old API key of {} ends", old.application),
            at: Some(old.key.ends_at),
        });
        let certificate = self.statistics.certificate_ends_at.filter(|end| *end < self.now + WARNED_BEFORE);
        let certificate = certificate.map(|end| Notice {
            path: "/console",
            text: "The TLS certificate of this server ends".to_owned(),
            at: Some(end),
        });
        failed.chain(keys).chain(certificate).collect()
    }
}

/// That a certificate ends is said so long before.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The start page.
pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let is_by_day = asked.span == "month";
    let (hours, width) =
        if is_by_day { (30 * 24, SignedDuration::from_hours(24)) } else { (24, SignedDuration::from_hours(1)) };
    let statistics = visit.service.statistics(hours).await?;
    let now = visit.service.clock.now();
    let charts = vec![
        chart(&statistics, now, width, "Codes", ("accepted", "refused"), |event, _| match event {
            "code.accepted" => Some(true),
            "code.refused" => Some(false),
            _ => None,
        }),
        chart(
            &statistics,
            now,
            width,
            "Challenges and approvals",
            ("confirmed", "ended otherwise"),
            |event, detail| (event == "challenge.ended").then_some(detail == "confirmed"),
        ),
    ];
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for event in statistics.events.iter().filter(|event| event.event == "code.refused") {
        *reasons.entry(&event.detail).or_default() += event.count;
    }
    let mut refusals: Vec<Refusal> =
        reasons.into_iter().map(|(reason, count)| Refusal { words: reason.replace('_', " "), count }).collect();
    refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.count));
    let frame = visit.frame(Section::Dashboard, "Dashboard");
    let first_steps = statistics.users == 0;
    Ok(page(&DashboardPage { frame, statistics, is_by_day, charts, refusals, first_steps, now }))
}

/// Adds up what happened into bars of `width`.
fn chart(
    statistics: &StatisticsView,
    now: Timestamp,
    width: SignedDuration,
    title: &'static str,
    (one, two): (&'static str, &'static str),
    counts_as: impl Fn(&str, &str) -> Option<bool>,
) -> Chart {
    let seconds = width.as_secs();
    let begin_of = |time: Timestamp| time.as_second().div_euclid(seconds) * seconds;
    let mut bars = BTreeMap::new();
    let mut begins = begin_of(statistics.since) + seconds;
    while begins <= now.as_second() {
        bars.insert(begins, (0, 0));
        begins += seconds;
    }
    for event in &statistics.events {
        let Some(first) = counts_as(&event.event, &event.detail) else { continue };
        if let Some((one, two)) = bars.get_mut(&begin_of(event.hour)) {
            *(if first { one } else { two }) += event.count;
        }
    }
    let bars = bars
        .into_iter()
        .filter_map(|(begins, (one, two))| Timestamp::from_second(begins).ok().map(|begins| Bar { begins, one, two }));
    Chart { title, one, two, bars: bars.collect(), is_by_day: seconds > 3600 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_at_round_numbers_and_hold_the_highest_bar() {
        for (highest, expected) in
            [(0, (1, 1)), (1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (9, (5, 2)), (21, (10, 3)), (150, (50, 3))]
        {
            assert_eq!(round_steps(highest), expected, "{highest}");
        }
        for highest in 0..2000 {
            let (step, steps) = round_steps(highest);
            assert!(step * steps >= highest && steps <= 4, "{highest}: {steps} of {step}");
        }
    }
}
