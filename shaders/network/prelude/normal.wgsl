// The normal distribution and its density, from which exact GELU and its derivative follow: the formulas of
// src/kernels/gelu.rs, with a range reduction of their own, so that every device computes the same to a few units in the last place.

// eˣ for −87 ≤ x ≤ 0.
fn exponential(x: f32) -> f32 {
    let n = round(x * 1.442695);
    var r = fma(n, -0.6933594, x);
    r = fma(n, 2.1219444e-4, r);
    var series = 1.0 / 5040.0;
    series = fma(series, r, 1.0 / 720.0);
    series = fma(series, r, 1.0 / 120.0);
    series = fma(series, r, 1.0 / 24.0);
    series = fma(series, r, 1.0 / 6.0);
    series = fma(series, r, 0.5);
    series = fma(series, r, 1.0);
    series = fma(series, r, 1.0);
    return series * bitcast<f32>(u32(i32(n) + 127) << 23u);
}

// (Φ(x), φ(x))
fn normal(x: f32) -> vec2<f32> {
    // Beyond 13 both tails are below the smallest normal number.
    let a = min(abs(x), 13.0);
    let bell = exponential(-0.5 * a * a);
    let t = 1.0 / fma(a, 0.28, 1.0);
    var tail = 0.025920314;
    tail = fma(tail, t, -0.098327264);
    tail = fma(tail, t, 0.10007899);
    tail = fma(tail, t, -0.01298239);
    tail = fma(tail, t, 0.07594472);
    tail = fma(tail, t, 0.08275663);
    tail = fma(tail, t, 0.10321416);
    tail = fma(tail, t, 0.11169083);
    tail = fma(tail, t, 0.11170407);
    tail *= t * bell;
    return vec2<f32>(select(1.0 - tail, tail, x < 0.0), bell * 0.3989423);
}
