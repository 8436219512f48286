// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// As known.c, in Rust, with nothing but its standard library.
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_millis(2);

#[inline(never)]
fn spin() {
    for n in 0..15000u32 {
        black_box(n);
    }
}

// Wall time, unlike the others: the standard library has no clock of CPU time.
#[inline(never)]
fn slice_left(end: Instant) -> bool {
    black_box(Instant::now() < end)
}

#[inline(never)]
fn chain_c() {
    spin();
    black_box(());
}

#[inline(never)]
fn chain_b() {
    chain_c();
    black_box(());
}

#[inline(never)]
fn chain_a() {
    chain_b();
    black_box(());
}

#[inline(never)]
fn chain_phase(end: Instant) {
    while slice_left(end) {
        chain_a();
    }
}

#[inline(never)]
fn ping(depth: u32) -> u32 {
    if black_box(depth) == 0 {
        return 0;
    }
    black_box(pong(depth - 1)) + black_box(pong(depth - 1))
}

#[inline(never)]
fn pong(depth: u32) -> u32 {
    if black_box(depth) == 0 {
        return 1;
    }
    black_box(ping(depth - 1)) + black_box(ping(depth - 1))
}

#[inline(never)]
fn recursion_phase(end: Instant) {
    while slice_left(end) {
        black_box(ping(9));
    }
}

trait Shape {
    fn area(&self);
}

struct Circle;

impl Shape for Circle {
    #[inline(never)]
    fn area(&self) {
        spin();
        black_box(());
    }
}

#[inline(never)]
fn virtual_a(shape: &dyn Shape) {
    shape.area();
    black_box(());
}

#[inline(never)]
fn virtual_phase(end: Instant) {
    let shape: Box<dyn Shape> = black_box(Box::new(Circle));
    while slice_left(end) {
        virtual_a(&*shape);
    }
}

#[inline(never)]
fn panic_b() {
    // While the unwinder jumps into a frame no one can tell who called it: not too often.
    spin();
    spin();
    // Not panic!: the hook would print.
    std::panic::resume_unwind(black_box(Box::new(1)));
}

#[inline(never)]
fn panic_a() {
    panic_b();
    black_box(());
}

#[inline(never)]
fn panic_phase(end: Instant) {
    while slice_left(end) {
        let _ = black_box(std::panic::catch_unwind(panic_a));
    }
}

#[inline(never)]
fn sleep_a() {
    std::thread::sleep(Duration::from_millis(10));
    black_box(());
}

#[inline(never)]
fn sleep_phase(_end: Instant) {
    sleep_a();
    black_box(());
}

#[inline(never)]
fn worker_a() {
    // Twice: the same code as another function's would be made one with it.
    spin();
    spin();
    black_box(());
}

#[inline(never)]
fn worker_thread() {
    loop {
        let end = Instant::now() + SLICE / 4;
        while slice_left(end) {
            worker_a();
        }
        sleep_a();
    }
}

fn main() {
    let phases: [fn(Instant); 5] =
        [chain_phase, recursion_phase, virtual_phase, panic_phase, sleep_phase];
    std::thread::Builder::new().name("worker".into()).spawn(worker_thread).unwrap();
    println!("ready");
    std::io::stdout().flush().unwrap();
    loop {
        for phase in phases {
            phase(Instant::now() + SLICE);
        }
    }
}
