import { describe, expect, test } from 'vitest'
import { Metrics } from '../../src/observe/metrics.ts'

describe('metrics', () => {
  test('render families by name with help, type, labels and values', () => {
    const metrics = new Metrics()
    const counter = metrics.counter('quorate_b_total', 'Things counted.', { kind: 'x' })
    metrics.counter('quorate_b_total', 'Things counted.', { kind: 'y"\\\n' }).add(2)
    metrics.gauge('quorate_a', 'A value.\nSecond line with \\.', () => 1.5)
    counter.add()
    counter.add(4)
    expect(counter.value).toBe(5)
    expect(metrics.render()).toBe(
      '# HELP quorate_a A value.\\nSecond line with \\\\.\n# TYPE quorate_a gauge\nquorate_a 1.5\n' +
        '# HELP quorate_b_total Things counted.\n# TYPE quorate_b_total counter\n' +
        'quorate_b_total{kind="x"} 5\nquorate_b_total{kind="y\\"\\\\\\n"} 2\n',
    )
  })

  test('read values at scrape, one per label set', () => {
    const metrics = new Metrics()
    const lags = new Map([['n2', 7]])
    metrics.gauge('quorate_lag', 'Lag.', () => {
      return [...lags].map(([peer, value]) => ({ value, labels: { peer } }))
    })
    lags.set('n3', Infinity)
    expect(metrics.render()).toContain('quorate_lag{peer="n2"} 7\nquorate_lag{peer="n3"} +Inf\n')
    lags.clear()
    expect(metrics.render()).toBe('# HELP quorate_lag Lag.\n# TYPE quorate_lag gauge\n')
  })

  test('render a histogram with cumulative buckets, sum and count', () => {
    const metrics = new Metrics()
    const histogram = metrics.histogram('quorate_wait_seconds', 'Waiting.', [0.1, 1], { op: 'w' })
    for (const value of [0.1, 0.2, 5]) histogram.observe(value)
    expect(metrics.render()).toContain(
      'quorate_wait_seconds_bucket{op="w",le="0.1"} 1\n' +
        'quorate_wait_seconds_bucket{op="w",le="1"} 2\n' +
        'quorate_wait_seconds_bucket{op="w",le="+Inf"} 3\n' +
        'quorate_wait_seconds_sum{op="w"} 5.3\nquorate_wait_seconds_count{op="w"} 3\n',
    )
  })

  test('refuse names and registrations that Prometheus would not understand', () => {
    const metrics = new Metrics()
    metrics.gauge('quorate_x', 'X.', () => 1)
    expect(() => metrics.gauge('other_x', 'X.', () => 1)).toThrow(/no name/)
    expect(() => metrics.counter('quorate_events', 'X.')).toThrow(/_total/)
    expect(() => metrics.histogram('quorate_x', 'X.', [1])).toThrow(/already/)
    expect(() => metrics.histogram('quorate_h', 'X.', [1, 1])).toThrow(/rise/)
    expect(() => metrics.counterRead('quorate_x', 'X.', () => 1)).toThrow(/_total/)
  })
})
