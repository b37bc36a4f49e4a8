//! Web pages, a substream for each request: the HTML first, then the rest at once.

use std::time::Duration;

use plot::{Chart, Scale, Shape};
use serde_json::json;
use sst_nostd::sim::LinkConfig;

use super::e03_transactions::{ONE_WAY, dsl, least_time};
use super::world::World;
use crate::report::{Report, number, quantile};
use crate::web::{self, GROUPS, MANY, REQUEST_BYTES, WebPage};

const SEED: u64 = 4;
/// Pages of each group.
const EACH: usize = 40;
/// What is lost both ways, in millionths.
const LOSSES_PPM: [u32; 3] = [0, 10_000, 30_000];
/// What a session has fetched before: it knows how long packets may be.
const WARMING_BYTES: u64 = 256_000;
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let pages = web::pages(SEED, EACH);
    let mut taken = vec![];
    for loss_ppm in LOSSES_PPM {
        let mut times = vec![];
        for (index, page) in pages.iter().enumerate() {
            let seconds = load_time(index as u64, loss_ppm, page)?;
            report.row(json!({ "page": index, "requests": page.0.len(), "bytes": page.bytes(),
                "loss_ppm": loss_ppm, "seconds": seconds, "wire_seconds": wire_time(page) }));
            times.push(seconds);
        }
        taken.push(times);
    }
    report.text(&format!(
        "Pages of the model, {EACH} of each group, each on a session that has fetched 256 kB \
         before. Milliseconds: the median, and what nine of ten pages take at most."
    ));
    tell(report, &pages, &taken);
    judge(report, &pages, &taken[0]);
    Ok(())
}

/// The HTML first, then all others at once.
fn load_time(seed: u64, loss_ppm: u32, page: &WebPage) -> Result<f64, String> {
    let link = LinkConfig { loss_ppm, ..dsl() };
    let mut world = World::new(seed, [&link, &link], |_| {})?;
    world.request_bytes = REQUEST_BYTES;
    fetch(&mut world, &[WARMING_BYTES])?;
    world.net.run_for(Duration::from_secs(1));
    let begun = world.net.now();
    let (html, embedded) = page.0.split_at(1);
    fetch(&mut world, html)?;
    fetch(&mut world, embedded)?;
    Ok(world.net.now().since(begun).as_secs_f64())
}

fn fetch(world: &mut World, objects: &[u64]) -> Result<(), String> {
    for bytes in objects {
        world.fetch(*bytes as usize, 0)?;
    }
    world.run(world.net.now().after(TIMEOUT))?;
    let is_whole = world.fetches.iter().all(|fetch| fetch.ended.is_some());
    if is_whole { Ok(()) } else { Err("a page did not come".into()) }
}

/// What the wire alone takes: the HTML, and all others back to back after a further round trip.
fn wire_time(page: &WebPage) -> f64 {
    let (html, embedded) = page.0.split_at(1);
    let one = |objects: &[u64]| least_time(objects.iter().sum::<u64>() as usize);
    one(html) + if embedded.is_empty() { 0.0 } else { one(embedded) }
}

/// The times of one group's pages, in milliseconds.
fn of_group(pages: &[WebPage], times: &[f64], group: usize) -> Vec<f64> {
    let all = pages.iter().zip(times).filter(|(page, _)| page.group() == group);
    all.map(|(_, time)| time * 1e3).collect()
}

fn tell(report: &mut Report, pages: &[WebPage], taken: &[Vec<f64>]) {
    let wire: Vec<f64> = pages.iter().map(wire_time).collect();
    let bytes: Vec<f64> = pages.iter().map(|page| page.bytes() as f64 / 1e3).collect();
    let mut rows = vec![];
    for (group, (name, _)) in GROUPS.iter().enumerate() {
        let middle = |values: &[f64]| number(quantile(&of_group(pages, values, group), 0.5));
        let both = |times: &Vec<f64>| {
            let most = quantile(&of_group(pages, times, group), 0.9);
            format!("{} / {}", middle(times), number(most))
        };
        let first = [(*name).to_owned(), middle(&bytes), middle(&wire)];
        rows.push(first.into_iter().chain(taken.iter().map(both)).collect());
    }
    report.plot("times", "load time over the bytes of a page", picture(pages, &taken[0]));
    let heads = ["requests", "bytes", "the wire alone", "nothing lost", "1 % lost", "3 % lost"];
    report.table(&heads, &rows);
}

fn picture(pages: &[WebPage], times: &[f64]) -> String {
    let title = "Web pages over substreams, 1.5 Mbit/s and 55 ms";
    let chart = Chart::new(title, "bytes of the page", "load time (ms)");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Logarithmic);
    for (group, (name, _)) in GROUPS.iter().enumerate() {
        let of_it = pages.iter().zip(times).filter(|(page, _)| page.group() == group);
        let points = of_it.map(|(page, time)| (page.bytes() as f64, time * 1e3)).collect();
        let name = if group == 0 { "1 request".to_owned() } else { format!("{name} requests") };
        chart.add(&name, Shape::Dots, points);
    }
    chart.svg()
}

/// Nothing lost: how many round trips more than the wire alone.
fn judge(report: &mut Report, pages: &[WebPage], times: &[f64]) {
    let round_trip = 2.0 * ONE_WAY.as_secs_f64();
    let more = |(page, time): (&WebPage, &f64)| (time - wire_time(page)) / round_trip;
    let more: Vec<f64> = pages.iter().zip(times).map(more).collect();
    let many: Vec<f64> = of_group(pages, &more, MANY).into_iter().map(|more| more / 1e3).collect();
    let words = "round trips beyond the wire";
    let (many, most) = (quantile(&many, 0.5), quantile(&more, 0.95));
    report.at_most(&format!("{words}, 9 requests and more, median"), many, 0.5, "");
    report.at_most(&format!("{words}, 19 of 20 pages"), most, 0.5, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_small_objects_takes_two_round_trips() {
        let page = WebPage(vec![500; 10]);
        let seconds = load_time(1, 0, &page).unwrap();
        let least = wire_time(&page);
        assert!(least > 2.0 * 0.055 && least <= seconds && seconds < least + 0.02, "{seconds}");
    }
}
