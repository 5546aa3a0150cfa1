import { limitsSection } from '../../checks/section.ts';
import { drillsSection } from '../../drills/section.ts';
import { topicsSection } from '../../topics/section.ts';

/** Every capability's section of uplift.yaml; the one place that puts them together. */
export const SECTIONS = [topicsSection, limitsSection, drillsSection] as const;
