// What a program says about a topic: its name, the type of its values, how they become bytes and
// which part is the key. A description only: it creates nothing and knows no client.
import { QuorateError, validTopicName } from '@quorate/protocol'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Codec, CodecName } from './codec.ts'
import { codecs } from './codec.ts'

export type Key = string | Uint8Array

/** `Input` is what `send` takes, `Output` what a stream gives. */
export interface Topic<in Input, out Output = Input> {
  readonly name: string
  readonly codec: Codec<unknown>
  readonly schema: StandardSchemaV1<unknown, Output> | undefined
  /** Records of one key stay in order. */
  readonly key: ((value: Input) => Key | undefined) | undefined
  /** For inference only; never there. */
  readonly types?: { readonly input: (value: Input) => void; readonly output: Output }
}

export interface SchemaTopicOptions<Schema extends StandardSchemaV1> {
  /**
   * Any Standard Schema (Zod, Valibot, ArkType). `send` checks a value and stores it as given; a
   * stream validates what it reads and gives the schema's output.
   */
  readonly schema: Schema
  readonly key?: (value: NoInfer<StandardSchemaV1.InferInput<Schema>>) => Key | undefined
  /** Default `'json'`. */
  readonly codec?: CodecName | Codec<NoInfer<StandardSchemaV1.InferInput<Schema>>>
}

export interface TopicOptions<Value> {
  readonly key?: (value: NoInfer<Value>) => Key | undefined
  /** Default `'json'`. Values are not checked at run time without a schema. */
  readonly codec?: 'json' | Codec<Value>
}

export interface TextTopicOptions {
  readonly key?: (value: string) => Key | undefined
  readonly codec: 'text'
}

export interface BytesTopicOptions {
  readonly key?: (value: Uint8Array) => Key | undefined
  readonly codec: 'bytes'
}

/** Throws QUORATE_INVALID_TOPIC for a name that no topic can have. */
export function topic<Schema extends StandardSchemaV1>(
  name: string,
  options: SchemaTopicOptions<Schema>,
): Topic<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>
export function topic(name: string, options: TextTopicOptions): Topic<string>
export function topic(name: string, options: BytesTopicOptions): Topic<Uint8Array>
export function topic<Value = unknown>(name: string, options?: TopicOptions<Value>): Topic<Value>
export function topic(
  name: string,
  options: {
    readonly schema?: StandardSchemaV1
    readonly key?: (value: never) => Key | undefined
    readonly codec?: CodecName | object
  } = {},
): Topic<never, unknown> {
  if (!validTopicName(name)) {
    throw new QuorateError('QUORATE_INVALID_TOPIC', JSON.stringify(name))
  }
  const { codec = 'json' } = options
  return {
    name,
    codec: typeof codec === 'string' ? codecs[codec] : (codec as Codec<unknown>),
    schema: options.schema,
    key: options.key,
  }
}

/** For calls that need no more than the name. */
export function topicName(topic: string | { readonly name: string }): string {
  const name = typeof topic === 'string' ? topic : topic.name
  if (!validTopicName(name)) throw new QuorateError('QUORATE_INVALID_TOPIC', JSON.stringify(name))
  return name
}

/** What is wrong with a value, in one line. */
export function issuesText(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, 3).map(({ message, path }) => {
    const at = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
    return at.length === 0 ? message : `${at.join('.')}: ${message}`
  })
  return issues.length > 3 ? `${shown.join('; ')}; …` : shown.join('; ')
}
