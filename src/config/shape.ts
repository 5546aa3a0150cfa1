import { z } from 'zod';
import type { Path } from './path.ts';

/** The keys a schema knows at a path, for suggestions; over all branches of a union. Empty where there is no object. */
export function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const here = path.reduce<z.core.$ZodType[]>(
    (schemas, part) => schemas.flatMap((one) => child(one, part)),
    [schema],
  );
  return [
    ...new Set(
      here.flatMap(branches).flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : [])),
    ),
  ];
}

function child(schema: z.core.$ZodType, part: string | number): z.core.$ZodType[] {
  return branches(schema).flatMap((one): z.core.$ZodType[] => {
    if (one instanceof z.ZodObject) {
      const inner: unknown = (one.shape as Record<string, z.core.$ZodType>)[String(part)];
      return inner instanceof z.core.$ZodType ? [inner] : [];
    }
    if (one instanceof z.ZodArray) return [one.element];
    return one instanceof z.ZodRecord ? [one.valueType] : [];
  });
}

const MAX_DEPTH = 16;

/** Strips optional, default, pipes and the like, and opens unions. */
function branches(schema: z.core.$ZodType, depth = 0): z.core.$ZodType[] {
  if (depth > MAX_DEPTH) return [];
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => branches(option, depth + 1));
  if (schema instanceof z.ZodPipe) return branches(schema.in, depth + 1);
  if (schema instanceof z.ZodLazy) return branches(schema.unwrap(), depth + 1);
  if (isWrapper(schema)) return branches(schema.unwrap(), depth + 1);
  return [schema];
}

type Wrapper =
  | z.ZodOptional
  | z.ZodNullable
  | z.ZodDefault
  | z.ZodPrefault
  | z.ZodReadonly
  | z.ZodCatch
  | z.ZodNonOptional;

function isWrapper(schema: z.core.$ZodType): schema is Wrapper {
  return [
    z.ZodOptional,
    z.ZodNullable,
    z.ZodDefault,
    z.ZodPrefault,
    z.ZodReadonly,
    z.ZodCatch,
    z.ZodNonOptional,
  ].some((kind) => schema instanceof kind);
}
