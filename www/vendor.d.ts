// The site's build turns the chart library into a module in vendor/; its types are those of the npm package.
declare module '*/vendor/uPlot.js' {
  import uPlot from 'uplot';
  export default uPlot;
}
