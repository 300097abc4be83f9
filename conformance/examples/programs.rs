fn main() {
    use maru_conformance::generate::*;
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut cov = Coverage::default();
    let t = std::time::Instant::now();
    let mut lines = 0;
    for seed in 0..n {
        for family in Family::ALL {
            let p = CaseId { family, seed }.program();
            cov.count(&p);
            let text = p.to_string();
            lines += text.lines().count();
            if n < 20 { println!("; ---- {} {:?}\n{}", CaseId{family, seed}, p.prediction, text); }
        }
    }
    eprintln!("{:?} lines {} {:#?}", t.elapsed(), lines, cov.counts());
}
