fn main() {
    use maru_conformance::*;
    let arguments: Vec<String> = std::env::args().collect();
    let mut conform = Conform { cases: arguments[1].parse().unwrap_or(0), jobs: 1, ..Conform::default() };
    for mode in engine::Mode::ALL { if arguments.iter().any(|a| a == mode.name()) { conform.modes.push(mode); } }
    if let Ok(seed) = std::env::var("SEED") { conform.seed = seed.parse().unwrap(); }
    if std::env::var("NOFILES").is_ok() { conform.files = false; }
    if conform.cases == 0 { let r = replay(&conform, &arguments[1]).unwrap(); println!("{}", r.text); return; }
    let report = run(&conform).unwrap();
    report.print();
    if std::env::var("COV").is_ok() { println!("{:?}", report.coverage.counts()); }
}
