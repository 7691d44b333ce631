// The last dispatch of a submission: the job's number, and how many of its submissions have come to their end.

struct Params {
    job: u32,
    // Whether this is the job's first submission.
    first: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> marks: array<u32>;

@compute @workgroup_size(1)
fn mark() {
    if (p.first == 1u) {
        marks[0] = p.job;
        marks[1] = 1u;
    } else {
        marks[1] += 1u;
    }
}
