// Sums over the threads of a workgroup, as trees: the order of addition depends on nothing but their number.

const THREADS: u32 = 256u;

var<workgroup> sums: array<vec2<f32>, THREADS>;

// The sums of two values of each thread, which every thread gets.
fn totals(thread: u32, values: vec2<f32>) -> vec2<f32> {
    sums[thread] = values;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let both = sums[0];
    // Nobody writes the next values before all have read these.
    workgroupBarrier();
    return both;
}

// The sum of a value of each thread.
fn total(thread: u32, value: f32) -> f32 {
    return totals(thread, vec2<f32>(value, 0.0)).x;
}
