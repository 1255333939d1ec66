/** Shapes of ORTC between our generated types and mediasoup-client's. */

type Defined<T> = T extends null
  ? never
  : T extends (infer Item)[]
    ? Defined<Item>[]
    : T extends object
      ? { [K in keyof T]: Defined<T[K]> }
      : T;

/** A copy without null members: mediasoup-client takes "absent", not null. */
export function withoutNulls<T>(value: T): Defined<T> {
  if (Array.isArray(value)) return value.map((item) => withoutNulls<unknown>(item)) as Defined<T>;
  if (typeof value !== 'object' || value === null) return value as Defined<T>;
  const entries = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(
    entries.map(([key, member]) => [key, withoutNulls<unknown>(member)]),
  ) as Defined<T>;
}
