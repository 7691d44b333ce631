// The gradient of a convolution by its weights, one product over pixels:
//
//   out[slice, tap, c, n] = Σ_row Σ_y,x in[row, y·step − border + tap.y, x·step − border + tap.x, c] · g[row, y, x, n]
//
// with zeros outside the picture, over the rows of a slice. Slices lie one after the other and are added up, in order, by
// arrange.wgsl; how many there are depends on the shape alone, so that the sums are the same on every run.
//
// A workgroup of 8 × 8 computes a tile of eight vectors of taps and channels by eight vectors of outputs, 32 pixels at a time;
// each thread has a vector of each.

struct Params {
    rows: u32,
    in_height: u32,
    in_width: u32,
    in_vectors: u32,
    out_height: u32,
    out_width: u32,
    out_vectors: u32,
    step: u32,
    border: u32,
    kernel: u32,
    // Rows a slice.
    each: u32,
    // Where the first slice begins in the result, and vectors from one slice to the next.
    start: u32,
    stride: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> cotangents: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;

const SIDE: u32 = 8u;
const DEPTH: u32 = 32u;

var<workgroup> left: array<vec4<f32>, 256>;
var<workgroup> right: array<vec4<f32>, 256>;
// For each pixel: the first pixel of its row in the input or −1, the input's line and column of tap 0, and the output's pixel.
var<workgroup> places: array<vec4<i32>, DEPTH>;

fn store(line: u32, vector: u32, value: vec4<f32>, slice: u32) {
    if (line < p.kernel * p.kernel * p.in_vectors * 4u && vector < p.out_vectors) {
        result[p.start + slice * p.stride + line * p.out_vectors + vector] = value;
    }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let tx = thread % SIDE;
    let ty = thread / SIDE;
    let area = p.out_height * p.out_width;
    let slice = group.z;
    let end = min((slice + 1u) * p.each, p.rows) * area;
    // What a thread loads has always the same tap and channels, and the same outputs.
    let source_vector = group.x * SIDE + tx;
    let tap = source_vector / p.in_vectors;
    let channel = source_vector - tap * p.in_vectors;
    let line = i32(tap / p.kernel);
    let column = i32(tap % p.kernel);
    let known = tap < p.kernel * p.kernel;
    let vector = group.y * SIDE + tx;
    var sum_0 = vec4<f32>();
    var sum_1 = vec4<f32>();
    var sum_2 = vec4<f32>();
    var sum_3 = vec4<f32>();
    for (var at = slice * p.each * area; at < end; at += DEPTH) {
        if (thread < DEPTH) {
            var place = vec4<i32>(-1, 0, 0, 0);
            let pixel = at + thread;
            if (pixel < end) {
                let row = pixel / area;
                let inside = pixel - row * area;
                let y = inside / p.out_width;
                let x = inside - y * p.out_width;
                place = vec4<i32>(
                    i32(row * p.in_height * p.in_width),
                    i32(y * p.step) - i32(p.border),
                    i32(x * p.step) - i32(p.border),
                    i32(pixel),
                );
            }
            places[thread] = place;
        }
        workgroupBarrier();
        for (var k = ty; k < DEPTH; k += SIDE) {
            let place = places[k];
            var value = vec4<f32>();
            var g = vec4<f32>();
            if (place.x >= 0) {
                let y = place.y + line;
                let x = place.z + column;
                if (known && y >= 0 && x >= 0 && y < i32(p.in_height) && x < i32(p.in_width)) {
                    value = source[u32(place.x + y * i32(p.in_width) + x) * p.in_vectors + channel];
                }
                if (vector < p.out_vectors) {
                    g = cotangents[u32(place.w) * p.out_vectors + vector];
                }
            }
            left[k * SIDE + tx] = value;
            right[k * SIDE + tx] = g;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let a = left[k * SIDE + ty];
            let b = right[k * SIDE + tx];
            sum_0 = fma(vec4<f32>(a.x), b, sum_0);
            sum_1 = fma(vec4<f32>(a.y), b, sum_1);
            sum_2 = fma(vec4<f32>(a.z), b, sum_2);
            sum_3 = fma(vec4<f32>(a.w), b, sum_3);
        }
        // The next places are written while others still multiply, the next values only after the barrier that follows.
    }
    let first = (group.x * SIDE + ty) * 4u;
    store(first, vector, sum_0, slice);
    store(first + 1u, vector, sum_1, slice);
    store(first + 2u, vector, sum_2, slice);
    store(first + 3u, vector, sum_3, slice);
}
