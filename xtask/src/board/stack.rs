//! How deep the stack can get: a bound from the code itself, without running it.
//!
//! Frames are read from the instructions that move the stack pointer, calls from the linker's
//! relocations. A call through a pointer may reach every function whose address is taken somewhere,
//! but that a task is polled only by the executor, and that interrupts only wake tasks. Functions
//! that call each other in a circle are taken to be on the stack once each: text is formatted
//! within text, once. Calls of panics are left out, as the board ends there. On top comes one
//! interrupt, as all have the same priority.

use std::collections::{BTreeMap, BTreeSet};

use crate::elf::{Firmware, is_panic};

use super::thumb;

/// What the processor and an interrupt's entry put on the stack: registers, those of the
/// floating-point unit among them, and four bytes to align it.
const EXCEPTION_BYTES: u64 = 104 + 4;
/// Tasks' polls, which nobody calls but the executor.
const TASK: &str = "embassy_executor::raw::TaskStorage<F>::poll";
/// Whose calls through pointers reach what, by parts of names; the first that fits counts. An
/// interrupt wakes tasks, and so does the queue of timers.
const POINTERS: &[(&str, &str)] = &[
    ("board_qemu::executor::run", TASK),
    ("SysTick", "::waker::"),
    ("ETHERNET", "::waker::"),
    ("board_qemu::systick::", "::waker::"),
    ("embassy_sync::waitqueue::", "::waker::"),
];
/// Interrupts that the board uses, and where it starts.
const INTERRUPTS: &[&str] = &["SysTick", "ETHERNET"];
const START: &str = "Reset";

/// The bound, and how it comes about.
pub(crate) struct Bound {
    pub(crate) bytes: u64,
    /// The deepest way down: functions, with the bytes of each.
    pub(crate) chain: Vec<(String, u64)>,
    /// Functions that call each other in a circle.
    pub(crate) circles: Vec<Vec<String>>,
}

/// Who calls whom, by numbers.
struct Graph {
    names: Vec<String>,
    frames: Vec<u64>,
    calls: Vec<BTreeSet<usize>>,
}

/// The bound of a firmware that was linked with `--emit-relocs`.
pub(crate) fn bound(firmware: &Firmware<'_>) -> Result<Bound, String> {
    let graph = graph(firmware);
    let groups = groups(&graph.calls);
    let depths = depths(&graph, &groups);
    let find = |name: &str| graph.names.iter().position(|known| known == name);
    let start = find(START).ok_or("no function is called Reset")?;
    let depth = |node: usize| groups.of.get(node).and_then(|group| depths.get(*group));
    let interrupts = INTERRUPTS.iter().filter_map(|name| depth(find(name)?));
    let interrupt = interrupts.map(|depth| depth.bytes).max().unwrap_or(0) + EXCEPTION_BYTES;
    let mut chain = Vec::new();
    let mut next = groups.of.get(start).copied();
    while let Some(group) = next {
        let members = groups.members.get(group).into_iter().flatten();
        chain.extend(members.map(|node| (graph.names[*node].clone(), graph.frames[*node])));
        next = depths[group].next;
    }
    chain.push(("an interrupt".to_owned(), interrupt));
    let is_circle = |group: &&Vec<usize>| group.len() > 1;
    let circles = groups.members.iter().filter(is_circle);
    let circles =
        circles.map(|group| group.iter().map(|node| graph.names[*node].clone()).collect());
    let bytes = depth(start).map_or(0, |depth| depth.bytes) + interrupt;
    Ok(Bound { bytes, chain, circles: circles.collect() })
}

fn graph(firmware: &Firmware<'_>) -> Graph {
    let functions = firmware.functions();
    let mapping = firmware.mapping();
    let number: BTreeMap<u64, usize> =
        functions.iter().zip(0..).map(|(function, number)| (function.address, number)).collect();
    let holder = |place: u64| {
        let (start, number) = number.range(..=place).next_back()?;
        (place < start + functions[*number].code.len() as u64).then_some(*number)
    };
    let mut calls = vec![BTreeSet::new(); functions.len()];
    let mut taken = BTreeSet::new();
    for mention in firmware.mentions() {
        let Some(&callee) = number.get(&mention.function) else { continue };
        if is_panic(&functions[callee].name) {
            continue;
        }
        match holder(mention.place) {
            Some(caller) if mention.is_call => {
                calls[caller].insert(callee);
            }
            _ => {
                taken.insert(callee);
            }
        }
    }
    let mut frames = Vec::new();
    for (function, calls) in functions.iter().zip(&mut calls) {
        let code = thumb::read(function.code, function.address, &mapping);
        frames.push(code.frame_bytes);
        if code.calls_pointers {
            let rule = POINTERS.iter().find(|(caller, _)| function.name.contains(caller));
            let may_reach = |callee: &&usize| match rule {
                Some((_, part)) => functions[**callee].name.contains(part),
                None => functions[**callee].name != TASK,
            };
            calls.extend(taken.iter().filter(may_reach));
        }
    }
    Graph { names: functions.into_iter().map(|function| function.name).collect(), frames, calls }
}

/// Functions in groups that call each other in a circle; most are alone. A group comes after those
/// that it calls.
struct Groups {
    /// The group of each function.
    of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

/// Tarjan's algorithm for strongly connected components, with a stack of its own.
fn groups(calls: &[BTreeSet<usize>]) -> Groups {
    let mut groups = Groups { of: vec![usize::MAX; calls.len()], members: Vec::new() };
    let (mut seen, mut low) = (vec![usize::MAX; calls.len()], vec![usize::MAX; calls.len()]);
    let (mut open, mut count) = (Vec::new(), 0);
    for root in 0..calls.len() {
        if seen[root] != usize::MAX {
            continue;
        }
        let mut visits = vec![(root, Vec::from_iter(calls[root].iter().copied()))];
        (seen[root], low[root]) = (count, count);
        count += 1;
        open.push(root);
        while let Some((node, rest)) = visits.last_mut() {
            let node = *node;
            if let Some(callee) = rest.pop() {
                if seen[callee] == usize::MAX {
                    (seen[callee], low[callee]) = (count, count);
                    count += 1;
                    open.push(callee);
                    visits.push((callee, Vec::from_iter(calls[callee].iter().copied())));
                } else if groups.of[callee] == usize::MAX {
                    low[node] = low[node].min(seen[callee]);
                }
                continue;
            }
            visits.pop();
            if let Some((caller, _)) = visits.last() {
                low[*caller] = low[*caller].min(low[node]);
            }
            if low[node] == seen[node] {
                let first = open.iter().rposition(|it| *it == node).unwrap_or(0);
                let members = open.split_off(first);
                members.iter().for_each(|member| groups.of[*member] = groups.members.len());
                groups.members.push(members);
            }
        }
    }
    groups
}

/// How deep the stack gets below a group, and by which group that it calls.
struct Depth {
    bytes: u64,
    next: Option<usize>,
}

fn depths(graph: &Graph, groups: &Groups) -> Vec<Depth> {
    let mut depths: Vec<Depth> = Vec::new();
    for (group, members) in groups.members.iter().enumerate() {
        let own: u64 = members.iter().map(|node| graph.frames[*node]).sum();
        let callees = members.iter().flat_map(|node| &graph.calls[*node]);
        let below = callees.map(|callee| groups.of[*callee]).filter(|callee| *callee != group);
        let next = below.max_by_key(|callee| depths[*callee].bytes);
        let bytes = own + next.map_or(0, |next| depths[next].bytes);
        depths.push(Depth { bytes, next });
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth_of(frames: &[u64], calls: &[&[usize]]) -> u64 {
        let graph = Graph {
            names: vec![String::new(); frames.len()],
            frames: frames.to_vec(),
            calls: calls.iter().map(|callees| callees.iter().copied().collect()).collect(),
        };
        let groups = groups(&graph.calls);
        depths(&graph, &groups)[groups.of[0]].bytes
    }

    #[test]
    fn the_deepest_way_counts() {
        assert_eq!(depth_of(&[8, 100, 10, 200], &[&[1, 2], &[], &[3], &[]]), 218);
    }

    #[test]
    fn a_circle_counts_each_of_its_functions_once() {
        assert_eq!(depth_of(&[8, 100, 10, 7], &[&[1], &[2], &[1, 3], &[]]), 125);
        assert_eq!(depth_of(&[8], &[&[0]]), 8);
    }
}
